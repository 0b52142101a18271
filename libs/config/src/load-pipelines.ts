import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { MillraceError } from '@millrace/core';
import type { Pipeline } from './model.ts';
import { type ParsedPipeline, type ParseOptions, parsePipeline } from './parse-pipeline.ts';
import { compareProblems, type Problem } from './problem.ts';
import { type ReadText, readTextFile, type Variables } from './variables.ts';

export interface LoadedPipelines {
  readonly pipelines: readonly Pipeline[];
  readonly problems: readonly Problem[];
}

/** Every `*.yaml` and `*.yml` of the folder; a broken file leaves the others. Throws `config` without a folder. */
export function loadPipelines(
  folder: string,
  variables: Variables,
  readText: ReadText = readTextFile,
): LoadedPipelines {
  return loadPipelineFiles(pipelineFilesOf(folder), variables, readText);
}

/** The pipeline files directly in a folder, sorted. */
export function pipelineFilesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.'))
      .sort()
      .map((name) => join(folder, name));
  } catch (cause) {
    throw new MillraceError({
      kind: 'config',
      code: 'MR-CONFIG-FOLDER',
      message: `Cannot read the folder of pipelines: ${folder}`,
      remedy: 'Set MILLRACE_PIPELINES to the folder that holds the pipeline files.',
      cause,
    });
  }
}

export function loadPipelineFiles(
  files: readonly string[],
  variables: Variables,
  readText: ReadText = readTextFile,
  options: ParseOptions = {},
): LoadedPipelines {
  const parsed = files.map((file) => parseFile(file, variables, readText, options));
  const problems = parsed.flatMap((one) => one.problems);
  const byName = new Map<string, string>();
  const pipelines: Pipeline[] = [];
  for (const [index, { pipeline, nameAt }] of parsed.entries()) {
    if (!nameAt) continue;
    const file = files[index] ?? '';
    const other = byName.get(nameAt.name);
    if (other === undefined) {
      byName.set(nameAt.name, file);
      if (pipeline) pipelines.push(pipeline);
      continue;
    }
    problems.push({
      ...nameAt.at,
      severity: 'error',
      code: 'MR-CONFIG-DUPLICATE-PIPELINE',
      message: `The pipeline '${nameAt.name}' is also in ${other}: they would share topics.`,
      remedy: 'Give each pipeline a name of its own.',
    });
  }
  return { pipelines, problems: problems.sort(compareProblems) };
}

function parseFile(
  file: string,
  variables: Variables,
  readText: ReadText,
  options: ParseOptions,
): ParsedPipeline {
  let text: string;
  try {
    text = readText(file);
  } catch {
    const at = { file, line: 1, column: 1 };
    const message = 'The file cannot be read.';
    const remedy = 'Check that it exists and that this user may read it.';
    return {
      pipeline: null,
      nameAt: null,
      problems: [{ ...at, severity: 'error', code: 'MR-CONFIG-FILE', message, remedy }],
    };
  }
  return parsePipeline(text, file, variables, readText, options);
}
