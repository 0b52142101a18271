import type { FileVersion, TallyTexts } from '@millrace/source-kit';
import type { LineEnd } from './csv-scanner.ts';
import type { Encoding } from './text-decoding.ts';

export type { FileVersion, TallyTexts } from '@millrace/source-kit';

/**
 * What the state topic of ingest holds, as JSON, by key:
 * `next`, `progress`, `file/<path>`, `load/<loadId>`; on the scanner's partition also `issued/<path>`, `forgotten`.
 */
export interface NextState {
  /** First task offset that is not done. */
  readonly next: number;
  readonly layout: string;
  readonly cluster: string;
}

export interface ProgressState extends FileVersion {
  /** Last row dealt with, from 1. */
  readonly row: number;
  /** Line that follows it. */
  readonly line: number;
  /** Absolute offset behind it. */
  readonly byteOffset: number;
  readonly header: readonly string[];
  readonly headerLine: number;
  readonly lineEnd: LineEnd;
  readonly encoding: Encoding;
  /** Over the bytes in front of `byteOffset`. */
  readonly prefixSha256: string;
  readonly tallies: TallyTexts;
  /** Hash of the pipeline file under which it was read last. Missing: written before this was kept. */
  readonly pipelineHash?: string;
  /** Rows of it were read under more than one. */
  readonly edited?: boolean;
}

/** How the last version of a path ended. */
export interface FileState extends FileVersion {
  readonly state: 'published' | 'abandoned' | 'archived';
  /** When it ended, ms since the epoch. */
  readonly at: number;
  readonly sha256: string | null;
  readonly reason: string | null;
  /** Set on `abandoned` when only an edit of file or pipeline can help: the pipeline's hash. */
  readonly hopelessUnder: string | null;
  /** Where it is to be moved, until it has been. */
  readonly archiveTo: string | null;
}

/** A finished load with rejects, kept for their replay. */
export interface LoadState extends FileVersion {
  readonly header: readonly string[];
  readonly headerLine: number;
  readonly encoding: Encoding;
  /** Missing: written before this was kept. */
  readonly lineEnd?: LineEnd;
  readonly state: 'published' | 'abandoned';
  readonly at: number;
  readonly sha256: string | null;
  readonly reason: string | null;
  readonly tallies: TallyTexts;
}

export interface IssuedState extends FileVersion {
  readonly at: number;
  /** When it was last seen in a listing, to about a week. */
  readonly seenAt: number;
  /** Versions of this size and mtime that were issued before, because they had been abandoned. */
  readonly retries: number;
  /** It was published. Noted here as well, because `file/<path>` is dropped while the file may lie there for years. */
  readonly published?: boolean;
}

export interface ForgottenState {
  /** Highest version among forgotten paths. */
  readonly version: number;
}

export const stateKeys = {
  next: 'next',
  progress: 'progress',
  forgotten: 'forgotten',
  file: (path: string): string => `file/${path}`,
  issued: (path: string): string => `issued/${path}`,
  load: (loadId: string): string => `load/${loadId}`,
} as const;

/** Which of the above a key names; null for one of another time. */
export function parseStateKey(
  key: string,
):
  | { readonly kind: 'next' | 'progress' | 'forgotten' }
  | { readonly kind: 'file' | 'issued' | 'load'; readonly name: string }
  | null {
  if (key === 'next' || key === 'progress' || key === 'forgotten') return { kind: key };
  const slash = key.indexOf('/');
  const kind = key.slice(0, slash);
  if (kind !== 'file' && kind !== 'issued' && kind !== 'load') return null;
  return { kind, name: key.slice(slash + 1) };
}
