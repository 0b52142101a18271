import type { MillraceError } from '@millrace/core';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { createDatabase } from './databases.ts';
import { aggregate, refreshAll, SeriesPlant } from './plant.ts';

const STACK = inject('stack');
const ONE = { tag: 'a', at: 1, value: 1 };

describe.each(['apache', 'plain'] as const)('a series on a server of kind %s', (kind) => {
  let url: string;
  beforeAll(async () => {
    url = await createDatabase(STACK, kind);
  });

  it('is made once by five processes that start at once on an empty database', async () => {
    await using plant = await SeriesPlant.create(url, { aggregates: [aggregate('per_5s', 5_000)] });
    const [claims, upkeeps] = await Promise.all([
      Promise.all([0, 1, 2, 3, 4].map((partition) => plant.claim(partition))),
      Promise.all([0, 1, 2, 3, 4].map(() => plant.upkeep())),
    ]);
    expect(plant.servers.map((server) => server.kind)).toEqual(Array(5).fill(kind));
    const leaders: boolean[] = [];
    for (const upkeep of upkeeps) {
      leaders.push(await upkeep.lead());
      if (leaders.at(-1)) await upkeep.prepare();
    }
    expect(leaders).toEqual([true, false, false, false, false]);
    await Promise.all(claims.map((session) => session.release()));
    expect(await plant.count()).toBe(0);
    expect(await plant.count('per_5s')).toBe(0);
    if (kind === 'apache') {
      const tables = await plant.admin.rows<{ name: string }>(
        'SELECT hypertable_name AS name FROM timescaledb_information.hypertables WHERE hypertable_schema = $1 ORDER BY hypertable_name COLLATE "C"',
        [plant.schema],
        'test',
      );
      expect(tables.map((row) => row.name)).toEqual(['Tag Data', 'per_5s']);
    }
    await upkeeps[0]?.close();
    expect(await upkeeps[1]?.lead()).toBe(true);
  });

  it('counts what inserts and updates did, over several chunks', async () => {
    await using plant = await SeriesPlant.create(url);
    const times = [0, 30, 90, 150, 3_700];
    const first = await plant.write(times.map((at) => ({ tag: 'a', at, value: 1 })));
    expect(first).toMatchObject({ inserted: 5, updated: 0, unchanged: 0, superseded: 0 });
    const again = await plant.write([0, 90, 3_700, 3_760].map((at) => ({ tag: 'a', at, value: 2 })));
    expect(again).toMatchObject({ inserted: 6, updated: 3, unchanged: 0, superseded: 0 });
    expect(await plant.count()).toBe(6);
  });

  it('says what is wrong with an aggregate of another definition, and what to do', async () => {
    await using plant = await SeriesPlant.create(url, { aggregates: [aggregate('per_5s', 5_000)] });
    await plant.write([ONE]);
    const upkeep = await plant.upkeep();
    await upkeep.lead();
    await upkeep.prepare();
    await upkeep.prepare();
    const wider = aggregate('per_5s', 10_000);
    plant.redefine({ aggregates: [wider] });
    await upkeep.close();
    const next = await plant.upkeep();
    await next.lead();
    const error = await next.prepare().then(
      () => null,
      (thrown: MillraceError) => thrown,
    );
    expect(error).toMatchObject({ kind: 'systemic', code: 'MR-TS-AGGREGATE-DIFFERS' });
    const statements = /DROP TABLE .*/.exec(error?.remedy ?? '')?.[0] ?? '';
    await plant.admin.query(statements, 'test');
    await next.prepare();
    await refreshAll(next, wider);
    expect(await plant.count('per_5s')).toBe(1);
  });
});

describe('on TimescaleDB', () => {
  let url: string;
  beforeAll(async () => {
    url = await createDatabase(STACK, 'apache');
  });

  it('a plain table with rows is refused with the statement that makes it a hypertable', async () => {
    const plainUrl = url;
    await using plant = await SeriesPlant.create(plainUrl);
    await plant.write([ONE]);
    // The same table, as a server without the extension would have made it.
    await plant.query('CREATE TABLE %copy (LIKE %"Tag Data" INCLUDING ALL)');
    await plant.query('INSERT INTO %copy OVERRIDING SYSTEM VALUE SELECT * FROM %"Tag Data"');
    await plant.query('DROP TABLE %"Tag Data"');
    await plant.query('ALTER TABLE %copy RENAME TO "Tag Data"');
    const refused = await plant.claim(1).then(
      () => null,
      (thrown: MillraceError) => thrown,
    );
    expect(refused).toMatchObject({ kind: 'systemic', code: 'MR-TS-TABLE-DIFFERS' });
    await plant.admin.query(refused?.remedy ?? '', 'test');
    await (await plant.claim(1)).release();
    expect(await plant.count()).toBe(1);
  });

  it('another chunk interval is refused with the statement that sets it', async () => {
    await using plant = await SeriesPlant.create(url);
    await (await plant.claim(0)).release();
    plant.redefine({ chunkMs: 120_000 });
    const refused = await plant.claim(0).then(
      () => null,
      (thrown: MillraceError) => thrown,
    );
    expect(refused).toMatchObject({ kind: 'systemic', code: 'MR-TS-TABLE-DIFFERS' });
    await plant.admin.query(refused?.remedy ?? '', 'test');
    await (await plant.claim(0)).release();
  });
});
