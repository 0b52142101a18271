import type { RecordField } from '@millrace/config';
import type { RecordValue } from '@millrace/core';
import { describe, expect, test } from 'vitest';
import { csvFormat } from '../testing/fixtures.ts';
import { FormatProblem } from './csv-reader.ts';
import { keyOf } from './record-key.ts';
import { RowMapper } from './row-mapper.ts';

const fields: readonly RecordField[] = [
  { name: 'tag', from: 'Tag', type: { kind: 'string' }, optional: false },
  { name: 'at', from: 'Time', type: { kind: 'timestamp' }, optional: false },
  { name: 'amount', from: 'Amount', type: { kind: 'decimal', precision: 10, scale: 2 }, optional: true },
];
const header = [' Tag', 'Amount', 'Other', 'Time'];

function map(texts: readonly string[], format = csvFormat()): RecordValue | string {
  const record: RecordValue = {};
  const reason = new RowMapper(fields, format, header, 1).map(texts, texts.length, record);
  return reason ? `${reason.code} ${reason.field ?? '-'}` : record;
}

describe('rows', () => {
  test('become typed fields by column name', () => {
    expect(map(['T', '1.5', 'x', '2026-01-01T00:00:00Z'])).toEqual({
      tag: 'T',
      amount: 150n,
      at: Date.UTC(2026, 0, 1) * 1_000,
    });
  });

  test.each<[string, readonly string[], string]>([
    ['too few fields', ['T', '1'], 'MR-ROW-COLUMNS -'],
    ['no value where one is needed', ['', '1', '', '2026-01-01T00:00:00Z'], 'MR-ROW-MISSING tag'],
    ['no number', ['T', 'x', '', '2026-01-01T00:00:00Z'], 'MR-ROW-NUMBER amount'],
    ['no time', ['T', '', '', 'x'], 'MR-ROW-TIMESTAMP at'],
  ])('with %s are rejected', (_, texts, expected) => {
    expect(map(texts)).toBe(expected);
  });

  test('with null texts hold null, and empty is a text where it is none of them', () => {
    const format = csvFormat({ nulls: ['NULL'] });
    expect(map(['', 'NULL', '', '2026-01-01T00:00:00Z'], format)).toMatchObject({ tag: '', amount: null });
    expect(map(['NULL', '', '', '2026-01-01T00:00:00Z'], format)).toBe('MR-ROW-MISSING tag');
  });
});

test.each([
  [['Tag', 'Amount'], 'ignore', 'MR-FILE-COLUMN-MISSING'],
  [['Tag', 'Tag', 'Time', 'Amount'], 'ignore', 'MR-FILE-COLUMN-TWICE'],
  [['Tag', 'Time', 'Amount', 'X'], 'reject', 'MR-FILE-COLUMN-EXTRA'],
] as const)('a header %j that does not fit is %s: %s', (columns, extraColumns, code) => {
  const build = (): RowMapper => new RowMapper(fields, csvFormat({ extraColumns }), columns, 3);
  expect(build).toThrow(FormatProblem);
  expect(build).toThrow(expect.objectContaining({ code, message: expect.stringMatching(/^line 3: /) }));
});

test('keys are the text of typed values', () => {
  const key = keyOf(['tag', 'at', 'amount'], fields);
  expect(key({ tag: 'a|b', at: 1_500_000, amount: -5n })).toBe('a\\|b|1970-01-01T00:00:01.500000Z|-0.05');
  expect(key({ tag: 'a', at: -1, amount: null })).toBe('a|1969-12-31T23:59:59.999999Z|');
});
