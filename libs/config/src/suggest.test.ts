import fc from 'fast-check';
import { expect, test } from 'vitest';
import { editDistance, nearest, suggestion } from './suggest.ts';

test('edit distance counts swaps once', () => {
  expect(editDistance('kitten', 'sitting')).toBe(3);
  expect(editDistance('poll', 'pol')).toBe(1);
  expect(editDistance('tiem', 'time')).toBe(1);
});

test('edit distance is zero for itself only, and the same both ways', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, b) === 0).toBe(a === b);
    }),
  );
});

test('only what is near is suggested', () => {
  expect(nearest('tagname', ['tagName', 'value'])).toBe('tagName');
  expect(nearest('color', ['delimiter', 'quote'])).toBeNull();
  expect(suggestion('color', ['delimiter', 'quote'])).toBe('Choose one of: delimiter, quote.');
});
