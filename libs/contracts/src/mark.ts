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

const MARK = /^([0-9a-z]{16}):([0-9a-z]{1,11})(?::([1-9]\d{0,8}):([a-z0-9.-]{1,80}))?$/;

/** Reads a mark; `null` when it is not one. */
export function parseMark(header: Uint8Array | string | null | undefined): Mark | null {
  if (header === null || header === undefined) return null;
  const text = typeof header === 'string' ? header : Buffer.from(header).toString('latin1');
  const match = MARK.exec(text);
  if (!match) return null;
  const row = Number.parseInt(match[2] ?? '', 36);
  if (!Number.isSafeInteger(row)) return null;
  return { loadId: match[1] ?? '', row, attempt: match[3] ? Number(match[3]) : 1, stage: match[4] ?? '' };
}
