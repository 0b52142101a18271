import { expect, test } from 'vitest';
import { formatMistake, isZone } from './formats.ts';

test.each([
  'iso',
  'epoch-millis',
  'dd.MM.yyyy HH:mm:ss.SSS',
  "yyyy-MM-dd'T'HH:mm:ssZZ",
  'M/d/yy h:mm a',
  'yyyyooo',
])('%s can be read', (format) => expect(formatMistake(format, 'timestamp')).toBeNull());

test.each([
  ['YYYY-MM-dd', 'yyyy'],
  ['yyyy-MM-DD', 'dd'],
  ['yyyy-MM-ddTHH:mm', "'T'"],
  ['yyyy-MM-dd hh:mm', 'HH'],
  ["yyyy-MM-dd 'at HH", 'quotes'],
  ['HH:mm', 'yyyy-MM-dd'],
  ['yyyy-MM-dd HH:mm x', "'x'"],
  ['epoch-milis', 'epoch-millis'],
  ['ISO8601', 'iso'],
])('%s cannot: write %s', (format, remedy) => {
  expect(formatMistake(format, 'timestamp')?.remedy).toContain(remedy);
});

test('a date has no hours', () => {
  expect(formatMistake('dd.MM.yyyy', 'date')).toBeNull();
  expect(formatMistake('dd.MM.yyyy HH', 'date')).not.toBeNull();
});

test('zones', () => {
  expect(isZone('Europe/Berlin')).toBe(true);
  expect(isZone('CEST+1')).toBe(false);
});
