import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assignPartitions, type MemberClaim } from './assignor.ts';

const claim = (memberId: string, owned: number[] = [], generation = 1): MemberClaim => ({
  memberId,
  owned,
  generation,
});

const anyGroup = fc.record({
  partitions: fc.integer({ min: 1, max: 30 }),
  members: fc.uniqueArray(
    fc.record({
      memberId: fc.string({ minLength: 1, maxLength: 4 }),
      owned: fc.uniqueArray(fc.integer({ min: -1, max: 35 }), { maxLength: 20 }),
      generation: fc.integer({ min: -1, max: 3 }),
    }),
    { minLength: 1, maxLength: 8, selector: (m) => m.memberId },
  ),
});

describe('any group', () => {
  test('every partition has exactly one owner, and shares differ by one at most', () => {
    fc.assert(
      fc.property(anyGroup, ({ members, partitions }) => {
        const shares = [...assignPartitions(members, partitions).values()];
        const all = shares.flat().sort((a, b) => a - b);
        expect(all).toEqual(Array.from({ length: partitions }, (_, p) => p));
        const sizes = shares.map((s) => s.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('the order in which members are listed does not matter', () => {
    fc.assert(
      fc.property(anyGroup, ({ members, partitions }) => {
        const reversed = assignPartitions([...members].reverse(), partitions);
        expect(sorted(reversed)).toEqual(sorted(assignPartitions(members, partitions)));
      }),
    );
  });

  test('a settled group is left as it is', () => {
    fc.assert(
      fc.property(anyGroup, ({ members, partitions }) => {
        const before = assignPartitions(members, partitions);
        const again = members.map(({ memberId }) => claim(memberId, [...(before.get(memberId) ?? [])], 5));
        expect(sorted(assignPartitions(again, partitions))).toEqual(sorted(before));
      }),
    );
  });

  test('a newcomer takes only its share, and a leaver gives away only its own', () => {
    fc.assert(
      fc.property(anyGroup, ({ members, partitions }) => {
        const before = assignPartitions(members, partitions);
        const settled = members.map(({ memberId }) => claim(memberId, [...(before.get(memberId) ?? [])], 5));
        const joined = assignPartitions([...settled, claim('newcomer', [], -1)], partitions);
        const moved = settled.flatMap((m) => m.owned.filter((p) => !joined.get(m.memberId)?.includes(p)));
        expect(moved.length).toBe(joined.get('newcomer')?.length);
        const [, ...stayed] = settled;
        const left = assignPartitions(stayed, partitions);
        for (const { memberId, owned } of stayed)
          expect(left.get(memberId)).toEqual(expect.arrayContaining([...owned]));
      }),
    );
  });
});

test('the larger share stays with whoever has it', () => {
  const shares = assignPartitions([claim('a', [0]), claim('b', [1, 2])], 3);
  expect(sorted(shares)).toEqual([
    ['a', [0]],
    ['b', [1, 2]],
  ]);
});

test('of two that claim a partition, the one of the later generation keeps it', () => {
  const shares = assignPartitions([claim('a', [0, 1], 3), claim('b', [1, 2], 4)], 4);
  expect(shares.get('b')).toEqual(expect.arrayContaining([1, 2]));
  expect(shares.get('a')).toContain(0);
});

function sorted(shares: ReadonlyMap<string, readonly number[]>): [string, readonly number[]][] {
  return [...shares].sort(([a], [b]) => (a < b ? -1 : 1));
}
