import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { UpkeepSession } from '../src/ports.ts';
import { createDatabase } from './databases.ts';
import { aggregate, BEGIN, refreshAll, SeriesPlant } from './plant.ts';

const STACK = inject('stack');
const PER_5S = aggregate('per_5s', 5_000);
const PER_1M = aggregate('per_1m', 60_000);
const TAGS = 10;

async function trimAll(upkeep: UpkeepSession): Promise<{ chunks: number; rows: number }> {
  const sum = { chunks: 0, rows: 0 };
  for (;;) {
    const { chunks, rows, more } = await upkeep.trim();
    sum.chunks += chunks;
    sum.rows += rows;
    if (!more) return sum;
  }
}

/** Ten readings a second. */
function seconds(from: number, to: number, tags = TAGS) {
  const rows: { tag: string; at: number; value: number }[] = [];
  for (let at = from; at < to; at += 1)
    for (let tag = 0; tag < tags; tag += 1) rows.push({ tag: `t${tag}`, at, value: at });
  return rows;
}

describe.each(['apache', 'plain'] as const)('retention on a server of kind %s', (kind) => {
  let url: string;
  beforeAll(async () => {
    url = await createDatabase(STACK, kind);
  });

  const led = async (plant: SeriesPlant): Promise<UpkeepSession> => {
    const upkeep = await plant.upkeep();
    await upkeep.lead();
    await upkeep.prepare();
    return upkeep;
  };

  it('keeps the row limit under load, and every row that was ever written is in the aggregates', async () => {
    const retention = { rows: 1_000, ageMs: null, everyMs: 1_000 };
    await using plant = await SeriesPlant.create(url, { retention, aggregates: [PER_5S, PER_1M] });
    const upkeep = await led(plant);
    const LAST = 1_200;
    let done = false;
    let most = 0;
    const write = async (): Promise<void> => {
      for (let at = 0; at < LAST; at += 20) await plant.write(seconds(at, at + 20));
      done = true;
    };
    const keep = async (): Promise<void> => {
      while (!done) {
        const before = await plant
          .count('millrace_offset')
          .then(() => plant.query<{ next: string }>('SELECT next FROM %millrace_offset'));
        await refreshAll(upkeep, PER_5S);
        await refreshAll(upkeep, PER_1M);
        await trimAll(upkeep);
        const [after] = await plant.query<{ next: string; rows: number }>(
          'SELECT next, (SELECT count(*)::int FROM %"Tag Data") AS rows FROM %millrace_offset',
        );
        const meanwhile = Number(after?.next ?? 0) - Number(before[0]?.next ?? 0);
        most = Math.max(most, (after?.rows ?? 0) - meanwhile);
      }
    };
    await Promise.all([write(), keep()]);
    // The limit, and what the widest bucket holds (ADR 0011 case 11).
    expect(most).toBeLessThanOrEqual(1_000 + 60 * TAGS);
    for (const one of [PER_5S, PER_1M]) {
      expect(await refreshAll(upkeep, one)).toBe(0);
      const [sum] = await plant.query<{ n: number; total: number }>(
        `SELECT sum(n)::int AS n, sum(total) AS total FROM %${one.name}`,
      );
      expect(sum).toEqual({ n: LAST * TAGS, total: (TAGS * LAST * (LAST - 1)) / 2 });
    }
    const dropped = await trimAll(upkeep);
    const rows = await plant.count();
    expect(rows).toBeGreaterThanOrEqual(1_000);
    expect(rows).toBeLessThanOrEqual(1_000 + 60 * TAGS);
    if (kind === 'plain') expect(dropped.chunks).toBe(0);
  });

  it('never drops what an aggregate has not seen', async () => {
    const retention = { rows: 10, ageMs: null, everyMs: 1_000 };
    await using plant = await SeriesPlant.create(url, { retention, aggregates: [PER_5S] });
    const upkeep = await led(plant);
    await plant.write(seconds(0, 300));
    expect(await trimAll(upkeep)).toEqual({ chunks: 0, rows: 0 });
    await refreshAll(upkeep, PER_5S);
    // A late row waits now: what is older may go, its bucket and all behind it stay.
    await plant.write([{ tag: 'late', at: 100, value: 1 }]);
    await trimAll(upkeep);
    const [oldest] = await plant.query<{ at: number }>(
      `SELECT extract(epoch FROM min("Time"))::float8 - ${BEGIN} AS at FROM %"Tag Data"`,
    );
    expect(oldest?.at).toBe(100);
    expect(await refreshAll(upkeep, PER_5S)).toBe(0);
    const [bucket] = await plant.query<{ n: number }>(
      `SELECT sum(n)::int AS n FROM %per_5s WHERE bucket = to_timestamp(${BEGIN + 100})`,
    );
    expect(bucket?.n).toBe(51);
  });

  it('waits for a partition that is behind the others, as long as that is at work', async () => {
    const retention = { rows: 10, ageMs: null, everyMs: 1_000 };
    await using plant = await SeriesPlant.create(url, { retention, aggregates: [PER_5S] });
    const upkeep = await led(plant);
    await plant.write([{ tag: 'slow', at: 20, value: 1 }], 1);
    await plant.write(seconds(0, 300));
    await refreshAll(upkeep, PER_5S);
    await trimAll(upkeep);
    const oldest = `SELECT min("Value")::int AS at FROM %"Tag Data" WHERE "tag ""n""" <> 'slow'`;
    expect(await plant.query(oldest)).toEqual([{ at: 20 }]);
    // Claimed, but nothing was written yet: anything may come.
    await (await plant.claim(2)).release();
    await plant.write([{ tag: 'slow', at: 250, value: 1 }], 1);
    await refreshAll(upkeep, PER_5S);
    expect(await trimAll(upkeep)).toEqual({ chunks: 0, rows: 0 });
    const before =
      "UPDATE %millrace_progress SET written_at = now() - interval '2 minutes' WHERE partition = 2";
    await plant.query(before);
    await trimAll(upkeep);
    expect(await plant.query(oldest)).toEqual([{ at: 250 }]);
  });

  it('drops whole chunks first, and steps of rows', async () => {
    const retention = { rows: 100, ageMs: null, everyMs: 1_000 };
    await using plant = await SeriesPlant.create(url, { retention, chunkMs: 600_000 });
    const upkeep = await led(plant);
    await plant.write(seconds(0, 1_500, 20));
    const { chunks, rows } = await trimAll(upkeep);
    // Two full chunks of ten minutes with 12,000 rows each, and a started one.
    expect({ chunks, rows }).toEqual(
      kind === 'apache' ? { chunks: 2, rows: 5_900 } : { chunks: 0, rows: 29_900 },
    );
    expect(await plant.count()).toBe(100);
  });

  it('freezes buckets whose rows are gone, and says how many', async () => {
    const retention = { rows: 100, ageMs: null, everyMs: 1_000 };
    await using plant = await SeriesPlant.create(url, { retention, aggregates: [PER_5S] });
    const upkeep = await led(plant);
    await plant.write(seconds(0, 300));
    await refreshAll(upkeep, PER_5S);
    await trimAll(upkeep);
    await plant.write([{ tag: 't1', at: 12, value: 1e6 }]);
    expect(await refreshAll(upkeep, PER_5S)).toBe(1);
    const [sum] = await plant.query<{ n: number; high: number }>(
      'SELECT sum(n)::int AS n, max(high) AS high FROM %per_5s',
    );
    expect(sum).toEqual({ n: 300 * TAGS, high: 299 });
  });

  it('goes by age, for the table and for each aggregate', async () => {
    const retention = { rows: null, ageMs: 3_600_000, everyMs: 1_000 };
    const DAY = 86_400;
    const aged = { ...PER_1M, retentionMs: 10 * DAY * 1_000 };
    await using plant = await SeriesPlant.create(url, { retention, aggregates: [aged], chunkMs: 3_600_000 });
    const upkeep = await led(plant);
    const now = Math.floor(Date.now() / 1_000) - BEGIN;
    const ages = [60, 600, 7_200, 5 * DAY, 9 * DAY, 11 * DAY, 40 * DAY];
    await plant.write(ages.map((age) => ({ tag: 'a', at: now - age, value: age })));
    await refreshAll(upkeep, aged);
    await trimAll(upkeep);
    while ((await upkeep.trimAggregate(aged, aged.retentionMs)).more);
    const left = await plant.query<{ v: number }>('SELECT "Value" AS v FROM %"Tag Data" ORDER BY 1');
    expect(left.map((row) => row.v)).toEqual([60, 600]);
    const kept = await plant.query<{ v: number }>('SELECT high AS v FROM %per_1m ORDER BY 1');
    expect(kept.map((row) => row.v)).toEqual([60, 600, 7_200, 5 * DAY, 9 * DAY]);
  });
});
