import { createHash } from 'node:crypto';
import type { CsvFormat } from '@millrace/config';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { csvFormat } from '../testing/fixtures.ts';
import { CsvReader, FormatProblem, RowBlock, UNREADABLE } from './csv-reader.ts';

interface Row {
  readonly fields: readonly string[] | number;
  readonly line: number;
  readonly raw: string;
  readonly after: number;
}

/** All rows of the bytes, given in pieces. Rows too long to hold show as their length. */
function read(bytes: Buffer, cuts: readonly number[] = [], format: Partial<CsvFormat> = {}): Row[] {
  const reader = new CsvReader(csvFormat({ header: false, ...format }));
  const rows: Row[] = [];
  const take = (): void => {
    for (let item = reader.next(3); item; item = reader.next(3)) {
      if (item instanceof RowBlock) {
        for (let i = 0; i < item.count; i += 1) {
          const texts: string[] = [];
          const count = item.fields(i, texts);
          const fields = count < 0 ? count : texts.slice(0, count);
          rows.push({
            fields,
            line: item.line(i),
            raw: item.raw(i).toString('latin1'),
            after: item.offsetAfter(i),
          });
        }
      } else
        rows.push({
          fields: UNREADABLE.tooLong,
          line: item.line,
          raw: `${item.length}`,
          after: reader.offset,
        });
    }
  };
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    reader.push(bytes.subarray(from, Math.max(from, cut)));
    from = Math.max(from, cut);
    take();
  }
  reader.push(bytes.subarray(from));
  take();
  reader.end();
  take();
  expect(reader.offset).toBe(bytes.length);
  return rows;
}

const fieldsOf = (rows: readonly Row[]): (readonly string[] | number)[] => rows.map((row) => row.fields);
const text = (content: string): Buffer => Buffer.from(content);

describe('rows', () => {
  test.each([
    ['LF', 'a,b\nc,d\n'],
    ['CRLF', 'a,b\r\nc,d\r\n'],
    ['CR', 'a,b\rc,d\r'],
    ['no line end at the end', 'a,b\r\nc,d'],
    ['blank lines', '\n\na,b\n\nc,d\n\n'],
  ])('end with %s', (_, content) => {
    expect(fieldsOf(read(text(content)))).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
  });

  test('have quoted fields with delimiters, line ends and doubled quotes', () => {
    const rows = read(text('"a,1","b\r\n""x""",""\r\nq"uote,in"side,"end"\r\n'));
    expect(fieldsOf(rows)).toEqual([
      ['a,1', 'b\r\n"x"', ''],
      ['q"uote', 'in"side', 'end'],
    ]);
    expect(rows.map((row) => row.line)).toEqual([1, 3]);
  });

  test('end as the first line end outside of quotes says', () => {
    const rows = [
      ['a\rb', 'c'],
      ['d', 'e'],
    ];
    for (const end of ['\n', '\r\n'])
      for (const cuts of [[], [2, 3, 4]])
        expect(fieldsOf(read(text(`"a\rb",c${end}d,e`), cuts))).toEqual(rows);
    expect(fieldsOf(read(text('"a\nb",c\rd,e\r'), [5, 8]))).toEqual([
      ['a\nb', 'c'],
      ['d', 'e'],
    ]);
    expect(fieldsOf(read(text('"open,c\nd,e\n')))).toEqual([UNREADABLE.quote, ['d', 'e']]);
  });

  test('keep a trailing empty field', () => {
    expect(fieldsOf(read(text('a,\n,\n')))).toEqual([
      ['a', ''],
      ['', ''],
    ]);
  });

  test('that are empty files or blank are none', () => {
    expect(read(text(''))).toEqual([]);
    expect(read(text('\r\n\r\n'))).toEqual([]);
  });

  test('with a quote that is never closed cost one line, not the rest', () => {
    expect(fieldsOf(read(text('a,b\n"open,c\nd,e\nf,"g"\n')))).toEqual([
      ['a', 'b'],
      UNREADABLE.quote,
      ['d', 'e'],
      ['f', 'g'],
    ]);
    expect(fieldsOf(read(text('"x"y,1\nz,2')))).toEqual([UNREADABLE.quote, ['z', '2']]);
  });

  test('too long are skipped with their length, whether they fit the memory or not', () => {
    const long = 'x'.repeat(5_000);
    const content = text(`a,1\n${long}\nb,2\n`);
    const whole = read(content, [], { maxRowBytes: 100 });
    expect(fieldsOf(whole)).toEqual([['a', '1'], UNREADABLE.tooLong, ['b', '2']]);
    const pieces = read(content, [500, 1_000, 4_000], { maxRowBytes: 100 });
    expect(fieldsOf(pieces)).toEqual(fieldsOf(whole));
    expect(pieces[1]?.raw).toBe('5000');
    expect(pieces.map((row) => [row.line, row.after])).toEqual(whole.map((row) => [row.line, row.after]));
  });
});

describe('encodings', () => {
  test('UTF-8 with a mark, and a row that is not UTF-8', () => {
    const bytes = Buffer.concat([text('\ufeffä,1\n'), Buffer.from([0xff, 0x2c, 0x32, 0x0a]), text('ö,3\n')]);
    expect(fieldsOf(read(bytes))).toEqual([['ä', '1'], UNREADABLE.encoding, ['ö', '3']]);
  });

  test('Windows-1252 where it differs from ISO 8859-1', () => {
    const bytes = Buffer.from([0x80, 0x2c, 0xfc, 0x0a]);
    expect(fieldsOf(read(bytes, [], { encoding: 'windows-1252' }))).toEqual([['€', 'ü']]);
    expect(fieldsOf(read(bytes, [], { encoding: 'iso-8859-1' }))).toEqual([['\x80', 'ü']]);
  });

  test('UTF-16, its mark wins over the declared order', () => {
    const little = Buffer.from('\ufeffä,1\r\n𝄞,2', 'utf16le');
    const big = Buffer.from(little).swap16();
    for (const bytes of [little, big])
      for (const encoding of ['utf-16le', 'utf-16be'] as const)
        expect(fieldsOf(read(bytes, [3, 7], { encoding }))).toEqual([
          ['ä', '1'],
          ['𝄞', '2'],
        ]);
  });

  test('UTF-16 that ends inside a unit fails its last row', () => {
    const bytes = Buffer.concat([Buffer.from('a,b\nc', 'utf16le'), Buffer.from([0x64])]);
    expect(fieldsOf(read(bytes, [], { encoding: 'utf-16le' }))).toEqual([['a', 'b'], UNREADABLE.encoding]);
  });

  test('a mark of another encoding is refused', () => {
    expect(() => read(Buffer.from('\ufeffa,b', 'utf16le'))).toThrow(FormatProblem);
  });
});

test('lines in front of the header are dropped and counted', () => {
  const rows = read(text('Export "of\n2026\na,b\n'), [3, 12], { skipLines: 2 });
  expect(rows).toEqual([{ fields: ['a', 'b'], line: 3, raw: 'a,b', after: 20 }]);
});

const cell = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom('', 'ä', '€uro', '"', '""', 'a"b', '\n', '\r\n', ',', '"x\ny"', ' '),
);
const messy = fc.array(fc.constantFrom('a', ',', '"', '\n', '\r\n', '\r', 'ü', '""', '",', ',"'), {
  maxLength: 40,
});

describe('whatever the places at which the stream is cut', () => {
  test('rows, lines, bytes and offsets are the same', () => {
    fc.assert(
      fc.property(
        messy,
        fc.constantFrom('utf-8', 'utf-16le', 'utf-16be'),
        fc.constantFrom(6, 1_000),
        (parts, encoding, max) => {
          const little = Buffer.from(parts.join(''), encoding === 'utf-8' ? 'utf-8' : 'utf16le');
          const bytes = encoding === 'utf-16be' ? little.swap16() : little;
          const format = { encoding, maxRowBytes: max } as const;
          const whole = read(bytes, [], format).map(withoutBytes);
          for (let cut = 0; cut <= bytes.length; cut += 1)
            expect(read(bytes, [cut], format).map(withoutBytes)).toEqual(whole);
          const each = Array.from({ length: bytes.length }, (_, i) => i);
          expect(read(bytes, each, format).map(withoutBytes)).toEqual(whole);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('what was written is what is read', () => {
    fc.assert(
      fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 8 }), (rows) => {
        const quote = (value: string): string => `"${value.replaceAll('"', '""')}"`;
        const content = rows.map((row) => `${row.map(quote).join(',')}\r\n`).join('');
        expect(fieldsOf(read(text(content), [7, 20]))).toEqual(
          rows.map((row) => row.map((value) => value.toWellFormed())),
        );
      }),
    );
  });

  test('going on at any row gives the rest', () => {
    fc.assert(
      fc.property(messy, (parts) => {
        const bytes = text(parts.join(''));
        const whole = read(bytes);
        const first = new CsvReader(csvFormat({ header: false }));
        first.push(bytes);
        first.end();
        first.next();
        const { lineEnd } = first;
        for (const [index, { after }] of whole.entries()) {
          const next = whole[index + 1];
          const position = { byteOffset: after, line: next?.line ?? 0, lineEnd, encoding: 'utf-8' } as const;
          const reader = new CsvReader(csvFormat({ header: false }), position);
          reader.push(bytes.subarray(after));
          reader.end();
          let rest = 0;
          for (let item = reader.next(); item; item = reader.next())
            rest += item instanceof RowBlock ? item.count : 1;
          expect(rest).toBe(whole.length - index - 1);
        }
      }),
    );
  });
});

/** A row that did not fit shows its length instead of its bytes; the CR of a CRLF may count as content there. */
function withoutBytes(row: Row): unknown {
  return row.fields === UNREADABLE.tooLong ? { ...row, raw: '' } : row;
}

test('a row that was not held has its digest', () => {
  const reader = new CsvReader(csvFormat({ header: false, maxRowBytes: 10 }));
  reader.push(text('a,b\n'));
  reader.next();
  reader.push(text('y'.repeat(50)));
  expect(reader.next()).toBeNull();
  reader.push(text('z\nc,d\n'));
  const sha256 = createHash('sha256')
    .update(`${'y'.repeat(50)}z`)
    .digest('hex');
  expect(reader.next()).toEqual({ line: 2, length: 51, sha256 });
});
