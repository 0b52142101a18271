import type { Style } from '../text/style.ts';
import { safeText } from '../text/table.ts';
import { toCelValue, toLineText } from '../values/render.ts';
import type { Subject } from '../values/where.ts';
import type { SeenRecord } from './decode.ts';

/** A record on one line: when, where, key, mark, value. */
export function recordLine(record: SeenRecord, style: Style): string {
  const parts = [
    style.dim(new Date(record.timestamp).toISOString()),
    style.dim(`${record.partition}/${record.offset}`),
    style.bold(record.key === null ? '(no key)' : safeText(record.key)),
  ];
  if (record.markText !== null) parts.push(style.dim(safeText(record.markText)));
  parts.push(record.encoding === 'tombstone' ? style.warn('(deleted)') : toLineText(record.value));
  if (record.problem !== null) parts.push(style.bad(`(${safeText(record.problem)})`));
  return parts.join('  ');
}

export function recordJson(record: SeenRecord): Record<string, unknown> {
  const { topic, partition, offset, timestamp, key, mark, markText, encoding, value, problem } = record;
  return {
    topic,
    partition,
    offset,
    timestamp: new Date(timestamp).toISOString(),
    key,
    m: markText,
    load: mark?.loadId ?? null,
    row: mark?.row ?? null,
    ...(mark && mark.attempt > 1 && { attempt: mark.attempt, stage: mark.stage }),
    encoding,
    value,
    ...(problem !== null && { problem }),
  };
}

/** What a `--where` sees of it. */
export function subjectOf(record: SeenRecord): Subject {
  const { topic, partition, offset, timestamp, key, mark, value } = record;
  return {
    topic,
    partition,
    offset: BigInt(offset),
    timestamp: new Date(timestamp),
    key,
    load: mark?.loadId ?? null,
    row: mark ? BigInt(mark.row) : null,
    attempt: mark ? BigInt(mark.attempt) : null,
    value: toCelValue(value),
  };
}
