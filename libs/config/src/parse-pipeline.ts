import { compileSource, compileSourceRecord } from './compile/any-source.ts';
import type { CompileContext } from './compile/context.ts';
import { checkName } from './compile/name.ts';
import { compileSinks } from './compile/sinks.ts';
import { compileSoundParts } from './compile/sound-parts.ts';
import { compileTransform } from './compile/stream.ts';
import type { Pipeline, Place } from './model.ts';
import { layoutHashOf, meaningHash } from './pipeline-hash.ts';
import { compareProblems, type Problem } from './problem.ts';
import { Report } from './report.ts';
import { type PipelineShape, pipelineShape } from './shape/pipeline.ts';
import { reportShapeIssues } from './shape/problems.ts';
import { type FilledIn, fillIn } from './source-text/fill-in.ts';
import { showPlaceholders } from './source-text/placeholders.ts';
import { type Plain, parseYamlFile, type YamlFile } from './source-text/yaml-file.ts';
import { lookUp, type ReadText, readTextFile, type Variables } from './variables.ts';

export interface ParsedPipeline {
  /** Null when there is any problem of severity `error`. */
  readonly pipeline: Pipeline | null;
  /** What the file calls its pipeline and where, even when the rest is broken. */
  readonly nameAt: { readonly name: string; readonly at: Place } | null;
  readonly problems: readonly Problem[];
}

export interface ParseOptions {
  /**
   * `warning` checks the text where its variables are not known, as in CI. Default: `error`. Either way nothing that
   * could run comes out.
   */
  readonly unsetVariables?: 'error' | 'warning';
}

/** One file's text. `${VAR}` is replaced from `variables`. Never throws for what the text says. */
export function parsePipeline(
  text: string,
  file: string,
  variables: Variables,
  readText: ReadText = readTextFile,
  { unsetVariables = 'error' }: ParseOptions = {},
): ParsedPipeline {
  const problems: Problem[] = [];
  const yaml = parseYamlFile(text, file, (problem) => problems.push(problem));
  if (!yaml) return { pipeline: null, nameAt: null, problems };
  const report = new Report(yaml, problems);
  const filled = fillIn(
    yaml.value,
    report,
    (name) => lookUp(variables, name, readText),
    Object.keys(variables).filter((name) => variables[name] !== undefined),
    unsetVariables,
  );
  const shape = checkShape(filled, report);
  const ctx: CompileContext = {
    report,
    readText,
    brokenOutputs: new Set(),
    brokenSinks: new Set(),
    fromVariable: (path) => filled.fromVariables.has(JSON.stringify(path)),
  };
  const pipeline = shape && compile(shape, yaml, file, ctx);
  if (!shape) compileSoundParts(ctx, filled.value);
  return {
    pipeline: report.failed || filled.isIncomplete ? null : (pipeline ?? null),
    nameAt: nameIn(filled.value, yaml),
    problems: problems.sort(compareProblems),
  };
}

function checkShape(filled: FilledIn, report: Report): PipelineShape | null {
  const result = pipelineShape.safeParse(filled.value);
  if (result.success) return result.data;
  reportShapeIssues(result.error.issues, filled.value, report);
  return null;
}

function compile(shape: PipelineShape, yaml: YamlFile, file: string, ctx: CompileContext): Pipeline {
  checkName(ctx, shape.pipeline);
  const record = compileSourceRecord(ctx, shape.source, shape.record);
  const transform = compileTransform(ctx, shape.transform, record);
  return {
    name: shape.pipeline,
    file,
    description: shape.description,
    generation: shape.generation,
    partitions: shape.partitions,
    retentionMs: shape.retention,
    hash: meaningHash(written(yaml.value)),
    layoutHash: layoutHashOf({ partitions: shape.partitions, record, transform }),
    source: compileSource(ctx, shape.source, shape.pipeline),
    record,
    transform,
    sinks: compileSinks(ctx, shape.sinks, transform.outputs),
  };
}

/** The tree as it was written, placeholders and all. */
function written(value: Plain): Plain {
  if (typeof value === 'string') return showPlaceholders(value);
  if (Array.isArray(value)) return value.map(written);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, written(item)]));
}

function nameIn(value: Plain, yaml: YamlFile): ParsedPipeline['nameAt'] {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return null;
  const name = value.pipeline;
  return typeof name === 'string' ? { name, at: yaml.valuePlace(['pipeline']) } : null;
}
