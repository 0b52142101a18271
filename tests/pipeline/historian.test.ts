import { afterEach, describe, expect, inject, it } from 'vitest';
import { expectedRows, PIPELINE, Plant, type Row, readings } from './plant.ts';

const env = inject('stack');
let plant: Plant;
afterEach(() => plant?.[Symbol.asyncDispose]());

describe('files leave an SFTP server, rows arrive in a database', () => {
  it('once, with duplicates and bad rows told apart, and every load reconciles', async () => {
    plant = await Plant.create({ env });
    const morning = readings(3_000);
    const bad: Row[] = [
      { tag: 'Line1.Temp', second: 1_790_000_000, value: 'n/a' },
      { tag: 'Line1.Temp', second: 1_790_000_001, value: 2e9 },
    ];
    const evening = [...readings(2_000, { from: 1_770_000_000 }), ...morning.slice(0, 100), ...bad];
    await plant.deliver('morning.csv', morning);
    await plant.deliver('Öfen und Kühlung 1.csv', evening);
    await plant.deliver('empty.csv', []);
    plant.startAll();

    const loads = await plant.settled(3);
    const byName = new Map(loads.map((load) => [load.path.split('/').at(-1), load]));
    expect(byName.get('empty.csv')).toMatchObject({ state: 'balanced', rows: { n: 0 } });
    expect(byName.get('morning.csv')).toMatchObject({ rows: { n: 3_000 }, published: { n: 3_000 } });
    expect(byName.get('Öfen und Kühlung 1.csv')).toMatchObject({
      state: 'balancedWithRejects',
      rows: { n: 2_102 },
      rejectedAtSource: { n: 1 },
      rejected: { n: 1 },
    });
    const duplicates = loads.reduce((sum, load) => sum + load.duplicates.n, 0);
    expect(duplicates).toBe(100);
    const table = await plant.rows();
    expect(table).toEqual(
      expectedRows(
        morning,
        evening.filter((row) => row.value !== 2e9),
      ),
    );
  });

  it('takes the newer of two versions of a key, whichever file is loaded first', async () => {
    const withoutDedupe = PIPELINE.replace(/ {2}dedupe:.*\n/, '');
    plant = await Plant.create({ env, pipeline: withoutDedupe });
    const key = (tag: string, value: number): Row => ({ tag, second: 1_760_000_000, value });
    plant.startAll();
    await plant.deliver('1-new.csv', [key('A', 2)], new Date('2026-02-02T00:00:00Z'));
    await plant.settled(1);
    await plant.deliver('2-old.csv', [key('A', 1), key('B', 1)], new Date('2026-01-01T00:00:00Z'));
    await plant.settled(2);
    await plant.deliver('3-newest.csv', [key('B', 3)], new Date('2026-03-03T00:00:00Z'));
    const loads = await plant.settled(3);
    expect(await plant.rows()).toEqual(
      new Map([
        ['A@1760000000', 2],
        ['B@1760000000', 3],
      ]),
    );
    expect(loads.map((load) => load.state)).toEqual(['balanced', 'balanced', 'balanced']);
  });

  it('accounts for a file that is delivered again, unchanged and changed', async () => {
    plant = await Plant.create({ env });
    const first = readings(500);
    plant.startAll();
    const day = new Date('2026-01-01T00:00:00Z');
    await plant.deliver('day.csv', first, day);
    await plant.settled(1);
    await plant.deliver('day.csv', first, day);
    await plant.settled(2);
    const more = [...first, ...readings(10, { from: 1_780_000_000 })];
    await plant.deliver('day.csv', more);
    const loads = await plant.settled(3);
    const versions = loads.sort((x, y) => x.version - y.version);
    expect(versions.map((load) => [load.version, load.rows.n, load.duplicates.n, load.accepted.n])).toEqual([
      [1, 500, 0, 500],
      [2, 500, 500, 0],
      [3, 510, 500, 10],
    ]);
    expect(await plant.rows()).toEqual(expectedRows(more));
  });

  it('leaves table and counts as they were when the sink is rewound', async () => {
    plant = await Plant.create({ env });
    plant.startAll();
    await plant.deliver('a.csv', readings(2_000));
    const before = await plant.settled(1);
    const checksum = await plant.checksum();
    const { code, output } = await plant.millrace('rewind', `${plant.name}/tagdata`, '--to', 'beginning');
    expect(output).toContain('2,004 offsets');
    expect(code).toBe(0);
    // A second file proves that the sink has passed the replayed rows: they lie before it.
    await plant.deliver('b.csv', readings(40, { from: 1_780_000_000 }));
    await plant.settled(2);
    await plant.db.query(`DELETE FROM "${plant.table}" WHERE "Timestamp" >= to_timestamp(1780000000)`);
    expect(await plant.checksum()).toBe(checksum);
    const after = (await plant.loads()).find((load) => load.path.endsWith('a.csv'));
    expect(after).toMatchObject({ state: 'balanced', sinks: before[0]?.sinks ?? {} });
  });
});
