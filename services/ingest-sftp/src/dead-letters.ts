import { isAscii, isUtf8 } from 'node:buffer';
import { type DeadLetter, deadLetterOf, INGEST_STAGE } from '@millrace/contracts';
import type { Reason } from '@millrace/core';
import type { SkippedRow } from './domain/csv-reader.ts';
import type { Encoding } from './domain/text-decoding.ts';

/** Where a rejected row stood. */
export interface RowPlace {
  readonly pipeline: string;
  readonly loadId: string;
  readonly path: string;
  readonly row: number;
  readonly line: number;
  readonly attempt: number;
  readonly encoding: Encoding;
  readonly at: number;
}

export function rejectedRow(place: RowPlace, reason: Reason, original: Uint8Array): DeadLetter {
  const { pipeline, loadId, path, row, line, attempt } = place;
  const isText = isAscii(original) || (place.encoding === 'utf-8' && isUtf8(original));
  return deadLetterOf({
    pipeline,
    mark: { loadId, row, attempt, stage: attempt > 1 ? INGEST_STAGE : '' },
    stage: INGEST_STAGE,
    reason,
    original,
    encoding: isText ? 'utf-8' : 'binary',
    rejectedAt: place.at,
    source: { path, line },
  });
}

/** A row that was never held in memory: its length and digest stand for it. */
export function rejectedSkippedRow(place: RowPlace, reason: Reason, skipped: SkippedRow): DeadLetter {
  const letter = rejectedRow(place, reason, Buffer.alloc(0));
  return {
    ...letter,
    original: null,
    encoding: 'binary',
    originalLength: skipped.length,
    originalSha256: skipped.sha256,
  };
}
