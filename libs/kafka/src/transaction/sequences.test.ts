import { expect, test } from 'vitest';
import { Sequences } from './sequences.ts';

test('counts records per partition, and goes on from 0 after 2^31 - 1', () => {
  const sequences = new Sequences();
  sequences.advance('t', 0, 10);
  sequences.advance('t', 1, 3);
  expect([sequences.current('t', 0), sequences.current('t', 1), sequences.current('u', 0)]).toEqual([
    10, 3, 0,
  ]);
  sequences.advance('t', 0, 0x7fff_ffff - 12);
  expect(sequences.current('t', 0)).toBe(0x7fff_fffd + 1 - 1);
  sequences.advance('t', 0, 5);
  expect(sequences.current('t', 0)).toBe(2);
});
