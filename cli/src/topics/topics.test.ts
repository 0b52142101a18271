import { expect, test } from 'vitest';
import { NO_STYLE } from '../text/style.ts';
import { plainValue, type SeenRecord } from './decode.ts';
import { recordJson, recordLine, subjectOf } from './present.ts';

test('what is not Avro is JSON, text or bytes', () => {
  expect(plainValue(Buffer.from('{"next":1}'))).toMatchObject({ encoding: 'json', value: { next: 1 } });
  expect(plainValue(Buffer.from('{not json'))).toMatchObject({ encoding: 'text', value: '{not json' });
  expect(plainValue(Buffer.from([1, 255]))).toMatchObject({ encoding: 'bytes' });
  expect(plainValue(Buffer.from([1, 2]))).toMatchObject({ encoding: 'bytes' });
});

const SEEN: SeenRecord = {
  topic: 'h.clean',
  partition: 3,
  offset: 42,
  timestamp: 0,
  key: 'T1',
  mark: { loadId: '0123456789abcdef', row: 37, attempt: 2, stage: 'transform' },
  markText: '0123456789abcdef:11:2:transform',
  encoding: 'avro',
  value: { tagName: 'T1', n: 9_007_199_254_740_993n },
  problem: null,
};

test('a record on a line', () => {
  expect(recordLine(SEEN, NO_STYLE)).toBe(
    '1970-01-01T00:00:00.000Z  3/42  T1  0123456789abcdef:11:2:transform  tagName=T1 n=9007199254740993',
  );
  const gone = {
    ...SEEN,
    key: null,
    mark: null,
    markText: null,
    encoding: 'tombstone' as const,
    value: null,
  };
  expect(recordLine(gone, NO_STYLE)).toBe('1970-01-01T00:00:00.000Z  3/42  (no key)  (deleted)');
});

test('a record as JSON and as what --where sees', () => {
  expect(recordJson(SEEN)).toMatchObject({
    m: '0123456789abcdef:11:2:transform',
    load: '0123456789abcdef',
    row: 37,
    attempt: 2,
    stage: 'transform',
  });
  expect(subjectOf(SEEN)).toMatchObject({ row: 37n, attempt: 2n, offset: 42n, key: 'T1' });
});
