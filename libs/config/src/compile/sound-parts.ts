import { pipelineShape } from '../shape/pipeline.ts';
import { sink } from '../shape/sink.ts';
import type { Plain } from '../source-text/yaml-file.ts';
import { compileSource, compileSourceRecord } from './any-source.ts';
import type { CompileContext } from './context.ts';
import { checkName } from './name.ts';
import { compileSinks } from './sinks.ts';
import { compileTransform } from './stream.ts';

const PARTS = pipelineShape.shape;

/**
 * Reports what is wrong with the meaning of those parts of a file whose shape is sound, when that of others is not:
 * one run tells all that it can. What depends on a broken part (record ← transform ← sinks) is left alone, since
 * every complaint about it might be a consequence.
 */
export function compileSoundParts(ctx: CompileContext, value: Plain): void {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return;
  // A part that is missing may stand there under a misspelt name.
  const misspelt = Object.keys(value).some((key) => !Object.hasOwn(PARTS, key));
  const isThere = (key: string): boolean => !misspelt || Object.hasOwn(value, key);
  const name = PARTS.pipeline.safeParse(value.pipeline);
  if (name.success) checkName(ctx, name.data);
  const source = PARTS.source.safeParse(value.source);
  if (source.success) compileSource(ctx, source.data, name.data ?? 'unnamed');
  const recordShape = PARTS.record.safeParse(value.record);
  if (!recordShape.success) return;
  const record = compileSourceRecord(ctx, value.source, recordShape.data);
  const transformShape = PARTS.transform.safeParse(value.transform);
  if (!transformShape.success || !isThere('transform')) return;
  const { outputs } = compileTransform(ctx, transformShape.data, record);
  if (isThere('sinks')) compileSinks(ctx, soundSinks(ctx, value.sinks), outputs);
}

function soundSinks(ctx: CompileContext, value: Plain | undefined): Parameters<typeof compileSinks>[1] {
  if (value === undefined || value === null || typeof value !== 'object' || Array.isArray(value)) {
    if (value !== undefined) ctx.brokenSinks.add('all');
    return {};
  }
  const sound = Object.entries(value).flatMap(([name, shape]) => {
    const parsed = sink.safeParse(shape);
    if (!parsed.success) ctx.brokenSinks.add(name);
    return parsed.success ? [[name, parsed.data] as const] : [];
  });
  return Object.fromEntries(sound);
}
