import type { Pipeline, RecordDef } from '../model.ts';
import type { FileSourceShape, OpcuaSourceShape, PipelineShape } from '../shape/pipeline.ts';
import type { CompileContext } from './context.ts';
import { compileOpcuaSource } from './opcua-source.ts';
import { compileFileSource } from './source.ts';
import { compileReadingRecord, compileRecord } from './stream.ts';

/** One line per kind of source. */
export function compileSource(
  ctx: CompileContext,
  shape: FileSourceShape | OpcuaSourceShape,
  pipelineName: string,
): Pipeline['source'] {
  return 'opcua' in shape
    ? compileOpcuaSource(ctx, shape, pipelineName)
    : compileFileSource(ctx, shape, pipelineName);
}

/** `source` may be broken: only what kind it is matters. */
export function compileSourceRecord(
  ctx: CompileContext,
  source: unknown,
  shape: PipelineShape['record'],
): RecordDef {
  const live = typeof source === 'object' && source !== null && 'opcua' in source;
  return live ? compileReadingRecord(ctx, shape) : compileRecord(ctx, shape);
}
