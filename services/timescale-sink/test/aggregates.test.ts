import type { AggregateDef } from '@millrace/config';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { createDatabase } from './databases.ts';
import { aggregate, BEGIN, type Reading, refreshAll, SeriesPlant } from './plant.ts';

const STACK = inject('stack');
const PER_5S = aggregate('per 5s', 5_000);
const PER_1M = aggregate('per_1m', 60_000);
const ALL = aggregate('all_tags', 60_000, { by: [] });

/** What the aggregate must hold, from the rows that the table must hold: computed here, not there. */
function recompute(rows: Iterable<Reading>, { overMs, by }: AggregateDef): unknown[] {
  const buckets = new Map<string, Reading[]>();
  for (const row of rows) {
    const bucket = Math.floor((BEGIN + row.at) / (overMs / 1_000)) * (overMs / 1_000);
    const key = JSON.stringify([bucket, by.length > 0 ? row.tag : null]);
    buckets.set(key, [...(buckets.get(key) ?? []), row]);
  }
  return [...buckets]
    .map(([key, found]) => {
      // By time, then tag: the key of the table.
      const sorted = found.sort((a, b) => a.at - b.at || (a.tag < b.tag ? -1 : 1));
      const values = sorted.flatMap(({ value }) => (value === null ? [] : [value]));
      const total = values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0);
      return [
        ...JSON.parse(key),
        found.length,
        values.length,
        total === null ? null : total / values.length,
        total,
        values.length === 0 ? null : Math.min(...values),
        values.length === 0 ? null : Math.max(...values),
        sorted[0]?.value ?? null,
        sorted.at(-1)?.value ?? null,
      ];
    })
    .sort(byBucketAndTag);
}

function byBucketAndTag(a: unknown[], b: unknown[]): number {
  return Number(a[0]) - Number(b[0]) || (String(a[1]) < String(b[1]) ? -1 : 1);
}

async function stored(plant: SeriesPlant, { name, by }: AggregateDef): Promise<unknown[]> {
  const tag = by.length > 0 ? '"tag ""n"""' : 'NULL';
  const rows = await plant.query<{ row: unknown[] }>(
    `SELECT json_build_array(extract(epoch FROM bucket), ${tag}, n, "some", avg, total, low, high, "begin", "end") AS row FROM %"${name}"`,
  );
  return rows.map(({ row }) => row).sort(byBucketAndTag);
}

/** A generator with a seed, so that a failure comes again. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

describe.each(['apache', 'plain'] as const)('aggregates on a server of kind %s', (kind) => {
  let url: string;
  beforeAll(async () => {
    url = await createDatabase(STACK, kind);
  });

  it.each([1, 2, 3])('equal a recomputation, with late rows, updates and nulls (seed %i)', async (seed) => {
    const definitions = [PER_5S, PER_1M, ALL];
    await using plant = await SeriesPlant.create(url, { aggregates: definitions });
    const upkeep = await plant.upkeep();
    await upkeep.lead();
    await upkeep.prepare();
    const roll = dice(seed);
    const expected = new Map<string, Reading>();
    for (let batch = 0; batch < 25; batch += 1) {
      const rows = Array.from({ length: 1 + roll(60) }, () => ({
        tag: `tag ${roll(4)}`,
        // Mostly near the present, now and then anywhere in the past.
        at: roll(5) === 0 ? roll(batch * 20 + 1) : batch * 20 + roll(20),
        value: roll(10) === 0 ? null : roll(1_000),
      }));
      const byKey = new Map(rows.map((row) => [`${row.tag}/${row.at}`, row]));
      await plant.write([...byKey.values()], roll(2));
      for (const [key, row] of byKey) expected.set(key, row);
      if (roll(3) === 0) await refreshAll(upkeep, definitions[roll(3)] ?? PER_5S);
    }
    for (const one of definitions) {
      expect(await refreshAll(upkeep, one)).toBe(0);
      expect(await stored(plant, one)).toEqual(recompute(expected.values(), one));
    }
    // Nothing was touched since: nothing is computed.
    expect(await upkeep.refresh(PER_1M)).toEqual({ buckets: 0, late: 0, more: false });
  });

  it('are complete when refreshes run beside the batches of two partitions', async () => {
    await using plant = await SeriesPlant.create(url, { aggregates: [PER_5S, PER_1M] });
    const upkeep = await plant.upkeep();
    await upkeep.lead();
    await upkeep.prepare();
    const expected: Reading[] = [];
    let writing = 2;
    const write = async (partition: number): Promise<void> => {
      for (let batch = 0; batch < 40; batch += 1) {
        const rows = Array.from({ length: 20 }, (_, i) => {
          return {
            tag: `p${partition}`,
            at: ((i * 40 + batch) % 90) + Math.floor(i / 9) * 100,
            value: batch,
          };
        });
        await plant.write(rows, partition);
        expected.push(...rows);
      }
      writing -= 1;
    };
    const refresh = async (): Promise<void> => {
      while (writing > 0) for (const one of [PER_5S, PER_1M]) await upkeep.refresh(one);
    };
    await Promise.all([write(0), write(1), refresh()]);
    const latest = new Map(expected.map((row) => [`${row.tag}/${row.at}`, row]));
    for (const one of [PER_5S, PER_1M]) {
      await refreshAll(upkeep, one);
      expect(await stored(plant, one)).toEqual(recompute(latest.values(), one));
    }
  });

  it('that are added later begin with the rows that are there; old processes touch for them too', async () => {
    await using plant = await SeriesPlant.create(url);
    const before = Array.from({ length: 700 }, (_, i) => ({ tag: 'a', at: i * 7, value: i }));
    await plant.write(before);
    plant.redefine({ aggregates: [PER_5S] });
    const upkeep = await plant.upkeep();
    await upkeep.lead();
    await upkeep.prepare();
    // This session was claimed before the aggregate existed.
    const late = { tag: 'a', at: 3, value: 100 };
    await plant.write([late]);
    await refreshAll(upkeep, PER_5S);
    expect(await stored(plant, PER_5S)).toEqual(recompute([...before, late], PER_5S));
  });

  it('that were removed are not touched any more, and keep their table', async () => {
    await using plant = await SeriesPlant.create(url, { aggregates: [PER_5S] });
    const upkeep = await plant.upkeep();
    await upkeep.lead();
    await upkeep.prepare();
    await plant.write([{ tag: 'a', at: 1, value: 1 }]);
    await refreshAll(upkeep, PER_5S);
    plant.redefine({ aggregates: [] });
    await upkeep.close();
    const next = await plant.upkeep();
    await next.lead();
    await next.prepare();
    await plant.write([{ tag: 'a', at: 2, value: 1 }]);
    expect(await plant.count('millrace_touched')).toBe(0);
    expect(await plant.count('per 5s')).toBe(1);
  });
});
