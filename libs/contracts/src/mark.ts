/**
 * The mark of a record, header `m`: `<loadId>:<row in base 36>` for a first attempt,
 * `<loadId>:<row>:<attempt>:<stage>` for a replay, where `stage` is the one that had rejected it (ADR 0003).
 */
export interface Mark {
  readonly loadId: string;
  /** Ordinal of the row in its load, from 1. */
  readonly row: number;
  /** 1 for a first attempt. */
  readonly attempt: number;
  /** The stage whose reject is replayed; empty for a first attempt. */
  readonly stage: string;
}

/** Name of the header that carries the mark. */
export const MARK_HEADER = 'm';

export const LOAD_ID_LENGTH = 16;

export function formatMark(loadId: string, row: number): string {
  return `${loadId}:${row.toString(36)}`;
}

export function formatReplayMark(mark: Mark): string {
  return `${formatMark(mark.loadId, mark.row)}:${mark.attempt}:${mark.stage}`;
}

/** The largest that a `long` of our own records takes (avsc stops one short of `MAX_SAFE_INTEGER`). */
const ROW_MAX = Number.MAX_SAFE_INTEGER - 1;

const MARK = /^([0-9a-z]{16}):([0-9a-z]{1,11})(?::([1-9]\d{0,8}):([a-z0-9.-]{1,80}))?$/;

/** Reads a mark; `null` when it is not one. */
export function parseMark(header: Uint8Array | string | null | undefined): Mark | null {
  if (header === null || header === undefined) return null;
  const text = typeof header === 'string' ? header : Buffer.from(header).toString('latin1');
  const match = MARK.exec(text);
  if (!match) return null;
  const row = Number.parseInt(match[2] ?? '', 36);
  if (row > ROW_MAX) return null;
  return { loadId: match[1] ?? '', row, attempt: match[3] ? Number(match[3]) : 1, stage: match[4] ?? '' };
}

/**
 * Name of the header that carries the file time: the source file's mtime, milliseconds since the epoch, base 36
 * (`t=mb3k2x9c`). Ingest writes it beside the mark, the transformer passes it on unchanged; sinks order versions
 * of a key by it behind the pipeline's own version columns (ADR 0004).
 */
export const FILE_TIME_HEADER = 't';

/** Source files can be older than 1970: the number may be negative. Fractions of a millisecond are dropped. */
export function formatFileTime(mtimeMs: number): string {
  return Math.trunc(mtimeMs).toString(36);
}

const FILE_TIME = /^-?[0-9a-z]{1,11}$/;

/** Milliseconds since the epoch; `null` when the header is missing or is none. */
export function parseFileTime(header: Uint8Array | string | null | undefined): number | null {
  if (header === null || header === undefined) return null;
  const text = typeof header === 'string' ? header : Buffer.from(header).toString('latin1');
  if (!FILE_TIME.test(text)) return null;
  const mtimeMs = Number.parseInt(text, 36);
  // ECMA-262 21.4.1.1: the range of Date, and well inside PostgreSQL's timestamptz.
  return Math.abs(mtimeMs) <= 8.64e15 ? mtimeMs : null;
}
