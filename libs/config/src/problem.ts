import type { Place } from './model.ts';

/** One mistake (or doubt) in a pipeline file, with its place and what to write instead. */
export interface Problem extends Place {
  readonly severity: 'error' | 'warning';
  /** Stable: `MR-CONFIG-…`. */
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}
