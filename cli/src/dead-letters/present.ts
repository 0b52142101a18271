import type { DeadLetter } from '@millrace/contracts';
import { formatAge } from '../text/quantity.ts';
import type { Style } from '../text/style.ts';
import { type Column, safeText, table } from '../text/table.ts';
import type { Folded } from '../topics/fold.ts';
import { bytesText } from '../values/render.ts';

type Letter = Folded<DeadLetter>;

const LINE: Column<Letter> = {
  title: 'LINE',
  align: 'right',
  text: ({ value }) => String(value.sourceLine ?? ''),
};
const REASON: Column<Letter> = {
  title: 'REASON',
  text: ({ value }) => value.reason,
  paint: (_, s) => s.warn,
};
const MESSAGE: Column<Letter> = { title: 'MESSAGE', text: ({ value }) => value.message, max: 100 };

/** Where a row came from: line of the file where known, else its ordinal. */
function place(value: DeadLetter): string {
  return value.sourceLine === null ? `row ${value.row}` : `line ${value.sourceLine}`;
}

/** Letters of one load, without the load. */
export function letterLines(letters: readonly Letter[], style: Style): string[] {
  const columns: Column<Letter>[] = [
    { title: 'PLACE', text: ({ value }) => place(value) },
    { title: 'STAGE', text: ({ value }) => value.stage },
    REASON,
    MESSAGE,
  ];
  return table(letters, columns, style);
}

/**
 * Letters of any loads, with the keys that `show` and `replay` take.
 * @param paths file of each load: behind the source a letter names its record only
 */
export function letterTable(
  letters: readonly Letter[],
  paths: ReadonlyMap<string, string>,
  nowMs: number,
  style: Style,
): string[] {
  const pathOf = ({ value }: Letter): string => value.sourcePath ?? paths.get(value.loadId) ?? '';
  const columns: Column<Letter>[] = [
    { title: 'LOAD', text: ({ value }) => value.loadId },
    ...(letters.some((letter) => pathOf(letter) !== '')
      ? [{ title: 'FILE', text: pathOf, max: 44 }, LINE]
      : []),
    { title: 'ROW', align: 'right', text: ({ value }) => String(value.row) },
    { title: 'STAGE', text: ({ value }) => value.stage },
    REASON,
    MESSAGE,
    { title: 'TRY', align: 'right', text: ({ value }) => String(value.attempt) },
    { title: 'AGE', align: 'right', text: ({ value }) => formatAge(nowMs - value.rejectedAt) },
    { title: 'KEY', text: ({ key }) => key },
  ];
  return table(letters, columns, style);
}

/** Everything about one letter. `decoded` is its original where that is Avro and its schema is known. */
export function letterDetail({ key, value }: Letter, decoded: string | null): string[] {
  const facts: [string, string | null][] = [
    ['key', key],
    ['load', value.loadId],
    ['row', String(value.row)],
    ['file', value.sourcePath],
    ['line', value.sourceLine === null ? null : String(value.sourceLine)],
    ['stage', value.stage],
    ['reason', value.reason],
    ['message', value.message],
    ['field', value.field],
    ['attempt', String(value.attempt)],
    ['rejected', new Date(value.rejectedAt).toISOString()],
    ['record', value.topic === null ? null : `${value.topic} ${value.partition}/${value.offset}`],
    ['original', originalText(value)],
    ['decoded', decoded],
  ];
  return facts.flatMap(([name, text]) => (text === null ? [] : [`${name.padEnd(8)}  ${safeText(text)}`]));
}

/** The original as text or bytes, or what is left of it. */
export function originalText({ original, encoding, originalLength, originalSha256 }: DeadLetter): string {
  if (original === null) return `too long to keep: ${originalLength} bytes, sha-256 ${originalSha256}`;
  return encoding === 'utf-8' ? original.toString('utf8') : bytesText(original);
}

export function letterJson({ key, partition, value }: Letter): Record<string, unknown> {
  return {
    ...value,
    key,
    deadLetterPartition: partition,
    recordKey: value.recordKey?.toString('utf8') ?? null,
    original: value.original === null ? null : originalText(value),
    rejectedAt: new Date(value.rejectedAt).toISOString(),
  };
}
