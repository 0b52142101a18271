import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addTally,
  countRow,
  emptyTally,
  formatTally,
  loadSeed,
  parseTally,
  sameTally,
  sumTallies,
} from './tally.ts';

function tallyOf(loadId: string, rows: readonly number[]) {
  const tally = emptyTally();
  const seed = loadSeed(loadId);
  for (const row of rows) countRow(tally, seed, row);
  return tally;
}

describe('tally', () => {
  it('does not depend on the order or the split of the rows', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 2 ** 40 })),
        fc.integer({ min: 0, max: 50 }),
        (rows, cut) => {
          const whole = tallyOf('load', rows);
          const parts = [tallyOf('load', rows.slice(cut).reverse()), tallyOf('load', rows.slice(0, cut))];
          expect(sameTally(sumTallies(parts), whole)).toBe(true);
        },
      ),
    );
  });

  it('shows one lost and one doubled row, which a count alone does not', () => {
    const right = tallyOf('load', [1, 2, 3, 4]);
    const wrong = tallyOf('load', [1, 2, 2, 4]);
    expect(wrong.n).toBe(right.n);
    expect(sameTally(wrong, right)).toBe(false);
  });

  it('tells loads and rows above 32 bits apart', () => {
    expect(sameTally(tallyOf('a', [1]), tallyOf('b', [1]))).toBe(false);
    expect(sameTally(tallyOf('a', [7]), tallyOf('a', [7 + 2 ** 32]))).toBe(false);
  });

  it('gives neighbouring rows hashes without a pattern: 100,000 rows, no pair of lanes twice', () => {
    const seen = new Set<string>();
    const seed = loadSeed('0123456789abcdef');
    for (let row = 1; row <= 100_000; row += 1) {
      const one = emptyTally();
      countRow(one, seed, row);
      seen.add(`${one.a}:${one.b}`);
    }
    expect(seen.size).toBe(100_000);
  });

  it('survives being written and read', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1e12 }), { maxLength: 20 }), (rows) => {
        const tally = tallyOf('x', rows);
        expect(parseTally(formatTally(tally))).toEqual(tally);
      }),
    );
    expect(formatTally(emptyTally())).toBe('0:0000000000000000');
  });

  it('reads nothing else', () => {
    for (const text of ['', '1', '1:00', '-1:0000000000000000', '1:000000000000000g', ' 1:0000000000000000'])
      expect(parseTally(text)).toBeNull();
  });

  it('adds modulo 2^32 in each lane', () => {
    const sum = { n: 1, a: 0xffffffff, b: 0xffffffff };
    addTally(sum, { n: 1, a: 1, b: 2 });
    expect(sum).toEqual({ n: 2, a: 0, b: 1 });
  });
});
