import type { CsvFormat, FilePipeline } from '@millrace/config';
import type { RecordValue } from '@millrace/core';
import { expect, test } from 'vitest';
import type { LoadState } from './domain/state.ts';
import { mapReplayed } from './replay.ts';
import { csvFormat } from './testing/fixtures.ts';

const field = (name: string) => ({ name, from: name, optional: false, type: { kind: 'string' as const } });
// Only the record is looked at.
const pipeline = { record: { fields: [field('a'), field('b')] } } as unknown as FilePipeline;

function replay(
  original: Buffer,
  format: Partial<CsvFormat> = {},
  load: Partial<LoadState> = {},
): RecordValue | string {
  const record: RecordValue = {};
  const state = { header: ['a', 'b'], headerLine: 1, encoding: 'utf-8', lineEnd: 'lf', ...load } as LoadState;
  const row = { row: 1, line: 2, attempt: 2, header: null, original };
  const reason = mapReplayed(pipeline, csvFormat(format), state, row, record);
  return reason ? reason.code : record;
}

test('a row is read again with the line end of its file', () => {
  expect(replay(Buffer.from('1,x\ny'), {}, { lineEnd: 'cr' })).toEqual({ a: '1', b: 'x\ny' });
});

test('more than one row is none: nothing of it is dropped', () => {
  expect(replay(Buffer.from('1,x\n2,y'))).toBe('MR-ROW-COLUMNS');
  expect(replay(Buffer.from('\n'))).toBe('MR-ROW-COLUMNS');
});

test('today’s encoding and columns count; a byte-order mark of the file keeps its word', () => {
  const latin = Buffer.from([0x31, 0x2c, 0xfc]);
  expect(replay(latin)).toBe('MR-ROW-ENCODING');
  expect(replay(latin, { encoding: 'windows-1252' })).toEqual({ a: '1', b: 'ü' });
  const wide = Buffer.from('1,ü', 'utf16le').swap16();
  expect(replay(wide, { encoding: 'utf-16le' }, { encoding: 'utf-16be' })).toEqual({ a: '1', b: 'ü' });
  expect(replay(Buffer.from('1,x'), { header: false, columns: ['b', 'a'] })).toEqual({ a: 'x', b: '1' });
});

test('a row that is longer than the format allows says so', () => {
  expect(replay(Buffer.from(`1,${'x'.repeat(50)}`), { maxRowBytes: 10 })).toBe('MR-ROW-TOO-LONG');
});
