import { createHash } from 'node:crypto';
import type { Reason } from '@millrace/core';
import type { DeadLetter } from './generated/dead-letter.ts';
import { formatMark, formatReplayMark, MARK_HEADER, type Mark } from './mark.ts';

/** Longest original, and longest key of it, that a dead letter keeps; above it only length and digest. */
export const DEAD_LETTER_ORIGINAL_BYTES_MAX = 256 * 1024;

export interface RejectedRecord {
  readonly pipeline: string;
  readonly mark: Mark;
  /** `ingest`, `transform` or `sink.<name>`. */
  readonly stage: string;
  readonly reason: Reason;
  readonly original: Uint8Array;
  readonly encoding: 'utf-8' | 'avro' | 'binary';
  readonly rejectedAt: number;
  readonly source?: { readonly path: string; readonly line: number };
  readonly kafka?: {
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
    readonly key: Uint8Array | null;
  };
}

/** The value of a dead letter: original bytes capped, digest instead where they are too long. */
export function deadLetterOf(rejected: RejectedRecord): DeadLetter {
  const { original, source, kafka, reason, mark } = rejected;
  const key = kafka?.key ?? null;
  // Without its key a record could not be replayed to where it belongs: then the letter does not pretend to hold it.
  const tooLong = Math.max(original.length, key?.length ?? 0) > DEAD_LETTER_ORIGINAL_BYTES_MAX;
  return {
    pipeline: rejected.pipeline,
    loadId: mark.loadId,
    row: mark.row,
    attempt: mark.attempt,
    stage: rejected.stage,
    reason: reason.code,
    message: reason.message,
    field: reason.field ?? null,
    sourcePath: source?.path ?? null,
    sourceLine: source?.line ?? null,
    topic: kafka?.topic ?? null,
    partition: kafka?.partition ?? null,
    offset: kafka?.offset ?? null,
    recordKey: key === null || tooLong ? null : Buffer.from(key),
    original: tooLong ? null : Buffer.from(original),
    encoding: rejected.encoding,
    originalLength: original.length,
    originalSha256: tooLong ? createHash('sha256').update(original).digest('hex') : null,
    rejectedAt: rejected.rejectedAt,
  };
}

/** The key folds repeated writes of the same reject: place of the record, or load and row at the source. */
export function deadLetterKey(letter: DeadLetter): string {
  return letter.topic === null
    ? `${letter.stage}/${letter.loadId}/${letter.row}/${letter.attempt}`
    : `${letter.stage}/${letter.topic}/${letter.partition}/${letter.offset}`;
}

/** Headers named after Kafka Connect's, so that existing tools show them. */
export function deadLetterHeaders(letter: DeadLetter): (readonly [string, string])[] {
  const mark: Mark = { loadId: letter.loadId, row: letter.row, attempt: letter.attempt, stage: letter.stage };
  const text = mark.attempt > 1 ? formatReplayMark(mark) : formatMark(mark.loadId, mark.row);
  return [
    [MARK_HEADER, text],
    ['__connect.errors.topic', letter.topic ?? letter.sourcePath ?? ''],
    ['__connect.errors.partition', String(letter.partition ?? '')],
    ['__connect.errors.offset', String(letter.offset ?? letter.sourceLine ?? '')],
    ['__connect.errors.stage', letter.stage],
    ['__connect.errors.exception.class.name', letter.reason],
    ['__connect.errors.exception.message', letter.message],
  ];
}
