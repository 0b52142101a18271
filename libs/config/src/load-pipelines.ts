import { MillraceError } from '@millrace/core';
import type { Variables } from './environment.ts';
import type { Pipeline } from './model.ts';
import type { Problem } from './problem.ts';

export interface ParsedPipeline {
  /** Null when there is any problem of severity `error`. */
  readonly pipeline: Pipeline | null;
  readonly problems: readonly Problem[];
}

export interface LoadedPipelines {
  readonly pipelines: readonly Pipeline[];
  readonly problems: readonly Problem[];
}

/** One file's text. `${VAR}` is replaced from `variables`. Never throws for what the text says. */
export function parsePipeline(_text: string, _file: string, _variables: Variables): ParsedPipeline {
  throw new MillraceError({ kind: 'bug', code: 'MR-BUG', message: 'not built yet' });
}

/** Every `*.yaml` and `*.yml` of the folder; a broken file leaves the others. Throws `config` without a folder. */
export function loadPipelines(_folder: string, _variables: Variables): LoadedPipelines {
  throw new MillraceError({ kind: 'bug', code: 'MR-BUG', message: 'not built yet' });
}
