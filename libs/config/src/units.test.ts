import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration, parseDuration, parseSize } from './units.ts';

test('durations', () => {
  expect(parseDuration('500ms')).toBe(500);
  expect(parseDuration('1m30s')).toBe(90_000);
  expect(parseDuration('14d')).toBe(1_209_600_000);
  for (const wrong of ['', '5', '5 s', 's', '-1s', '1.5h', '1s1m', '1S', '99999999999999d']) {
    expect(parseDuration(wrong)).toBeNull();
  }
});

test('what is formatted is read back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 12 }), (ms) => {
      expect(parseDuration(formatDuration(ms))).toBe(ms);
    }),
  );
});

test('sizes', () => {
  expect(parseSize('512B')).toBe(512);
  expect(parseSize('2GiB')).toBe(2_147_483_648);
  for (const wrong of ['', '5', '5KB', '5 MiB', '5kib']) expect(parseSize(wrong)).toBeNull();
});
