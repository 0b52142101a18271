import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { csvFormat } from '../testing/fixtures.ts';
import { CsvReader, RowBlock } from './csv-reader.ts';

/*
 * Our scanner against csv-parse, the reference: same rows, same fields, at any split of the stream. Where the two
 * differ on purpose it is said here, and only here:
 *
 * 1. A row that csv-parse cannot read ends its whole file; ours costs that row (MR-ROW-QUOTE).
 * 2. A quote inside an unquoted field is an error to csv-parse; ours is text, as spreadsheets read it.
 * 3. A CR as the last byte of a file whose rows end in LF is half of a cut line end; csv-parse keeps it as text.
 */

type Rows = readonly (readonly string[] | null)[];

/** Null stands for a row that cannot be split. */
function ours(bytes: Buffer, cuts: readonly number[]): Rows {
  const reader = new CsvReader(csvFormat({ header: false, delimiter: ';' }));
  const rows: (readonly string[] | null)[] = [];
  const take = (): void => {
    for (let item = reader.next(3); item; item = reader.next(3)) {
      if (!(item instanceof RowBlock)) throw new Error('no row is that long');
      for (let i = 0; i < item.count; i += 1) {
        const texts: string[] = [];
        const count = item.fields(i, texts);
        rows.push(count < 0 ? null : texts.slice(0, count));
      }
    }
  };
  let from = 0;
  for (const cut of [...cuts.map((n) => n % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)) {
    reader.push(bytes.subarray(from, cut));
    from = cut;
    take();
  }
  reader.end();
  take();
  return rows;
}

/** Null when it refuses the file. */
function reference(bytes: Buffer): Rows | null {
  try {
    return parse(bytes, {
      bom: true,
      delimiter: ';',
      relax_column_count: true,
      skip_empty_lines: true,
      record_delimiter: recordDelimiter(bytes.toString()),
    });
  } catch {
    return null;
  }
}

/** LF stands for CRLF as well; a file is one or the other or all CR. csv-parse's own discovery takes only one of them. */
function recordDelimiter(text: string): string[] {
  const outside = text.replace(/^\ufeff/, '').replaceAll(/"(?:[^"]|"")*"/g, '');
  return /\r\n|\n|\r/.exec(outside)?.[0] === '\r' ? ['\r'] : ['\r\n', '\n'];
}

const plain = fc.constantFrom('', 'a', 'bc ', ' ', 'ä', '€', '𝄞', 'é', '0.5', '-');
const quoted = fc
  .array(fc.constantFrom('a', 'ü', ';', '""', '\n', '\r\n', '\r', ' ', '𝄞'), { maxLength: 5 })
  .map((parts) => `"${parts.join('')}"`);
const row = fc
  .array(fc.oneof(plain, quoted), { minLength: 1, maxLength: 5 })
  .map((fields) => fields.join(';'));
const wellFormed = fc
  .tuple(
    fc.boolean(),
    fc.array(row, { maxLength: 8 }),
    fc.constantFrom('\n', '\r\n', '\r'),
    fc.boolean(),
    fc.array(fc.nat(), { maxLength: 6 }),
  )
  .map(([mark, rows, end, last, cuts]) => {
    const text = `${mark ? '\ufeff' : ''}${rows.join(end)}${last ? end : ''}`;
    return { bytes: Buffer.from(text), cuts };
  });
const odd = fc
  .tuple(
    fc.array(fc.constantFrom('a', 'ü', ';', '"', '""', '\n', '\r\n', '\r', ';"', '";', '"\n', ' '), {
      maxLength: 30,
    }),
    fc.array(fc.nat(), { maxLength: 6 }),
  )
  .map(([parts, cuts]) => ({ bytes: Buffer.from(parts.join('')), cuts }));

describe('what csv-parse reads', () => {
  test('of well-formed files is what we read', () => {
    fc.assert(
      fc.property(wellFormed, ({ bytes, cuts }) => {
        const expected = reference(bytes);
        expect(expected).not.toBeNull();
        expect(ours(bytes, cuts)).toEqual(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  test('of odd files is what we read; what it refuses costs us no more than rows', () => {
    let compared = 0;
    fc.assert(
      fc.property(odd, ({ bytes, cuts }) => {
        const text = bytes.toString();
        const cutLineEnd = text.endsWith('\r') && recordDelimiter(text).length === 2;
        fc.pre(!cutLineEnd);
        const expected = reference(bytes);
        const rows = ours(bytes, cuts);
        if (expected) {
          compared += 1;
          expect(rows).toEqual(expected);
        } else {
          const textWithQuote = rows.some((fields) => fields?.some((field) => field.includes('"')));
          expect(rows.includes(null) || textWithQuote).toBe(true);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(compared).toBeGreaterThan(300);
  });
});

test('the differences are as told', () => {
  expect(ours(Buffer.from('a;"b\nc;d\n'), [])).toEqual([null, ['c', 'd']]);
  expect(ours(Buffer.from('5" pipe;b\n'), [])).toEqual([['5" pipe', 'b']]);
  expect(ours(Buffer.from('a\nb\r'), [])).toEqual([['a'], ['b']]);
  for (const text of ['a;"b\nc;d\n', '5" pipe;b\n']) expect(reference(Buffer.from(text))).toBeNull();
  expect(reference(Buffer.from('a\nb\r'))).toEqual([['a'], ['b\r']]);
});
