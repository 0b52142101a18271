import { formatReplayMark } from '@millrace/contracts';
import { waitFor } from '@millrace/testkit';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { type PlantAddresses, readings, SinkPlant } from './plant.ts';

const { KAFKA_BROKERS = '', SCHEMA_REGISTRY_URL = '', DATABASE_URL = '' } = inject('stack');
const ADDRESSES: PlantAddresses = {
  brokers: KAFKA_BROKERS,
  registryUrl: SCHEMA_REGISTRY_URL,
  databaseUrl: DATABASE_URL,
};
const LOAD_A = 'aaaaaaaaaaaaaaaa';
const LOAD_B = 'bbbbbbbbbbbbbbbb';
const LONG = 'far too long for twenty characters';

let plant: SinkPlant;
beforeEach(async () => {
  plant = await SinkPlant.create(ADDRESSES);
});
afterEach(() => plant[Symbol.asyncDispose]());

describe('an output topic and its table', () => {
  it('each row arrives once, and each load reconciles', async () => {
    await plant.publish(readings(LOAD_A, 3_000));
    await using running = await plant.run();
    await plant.caughtUp();
    await plant.publish(readings(LOAD_B, 2_000, () => ({}), { first: 10_000 }));
    await plant.caughtUp();
    expect((await plant.table()).rows).toBe(5_000);
    const loads = await plant.settled({ [LOAD_A]: 3_000, [LOAD_B]: 2_000 });
    expect(loads.map((load) => [load.state, load.sinks.warehouse?.inserted])).toEqual([
      ['balanced', 3_000],
      ['balanced', 2_000],
    ]);
    expect(running.events.filter((event) => event.type === 'trouble')).toEqual([]);
  });

  it.each([
    ['older first', [1_000, 2_000]],
    ['newer first', [2_000, 1_000]],
  ])('two versions of a key end with the newer file, %s', async (_name, times) => {
    await using _running = await plant.run();
    for (const fileTime of times) {
      const load = fileTime === 2_000 ? LOAD_B : LOAD_A;
      await plant.publish(readings(load, 500, () => ({ note: `file of ${fileTime}` }), { fileTime }));
      await plant.caughtUp();
    }
    const notes = await plant.query<{ Note: string; n: number }>(
      'SELECT "Note", count(*)::int AS n FROM %"TagData" GROUP BY 1',
    );
    expect(notes).toEqual([{ Note: 'file of 2000', n: 500 }]);
    const loads = await plant.settled({ [LOAD_A]: 500, [LOAD_B]: 500 });
    expect(loads.map((load) => load.state)).toEqual(['balanced', 'balanced']);
  });

  it('a rewind to 0 leaves rows and counts as they are', async () => {
    await plant.publish(readings(LOAD_A, 2_000));
    await plant.publish(
      readings(LOAD_B, 2_000, () => ({ note: 'newer' }), { fileTime: 2_000, first: 1_000 }),
    );
    await using running = await plant.run();
    await plant.caughtUp();
    const before = await plant.table();
    const counts = await plant.query('SELECT * FROM %millrace_load ORDER BY load_id, partition');
    expect(await plant.rewind(0)).toEqual([0, 1]);
    await plant.publish(
      readings('cccccccccccccccc', 1, () => ({ tag: 'wakes the sink' }), { first: 50_000 }),
    );
    await plant.publish(readings('dddddddddddddddd', 1, () => ({ tag: 'and the other' }), { first: 50_000 }));
    await waitFor(
      () => running.events.some((one) => one.type === 'applied' && one.counting === 'uncounted'),
      {
        what: 'rows to be applied again',
        deadlineMs: 30_000,
      },
    );
    await plant.rewind(0);
    await running.stop();
    await using again = await plant.run();
    await plant.caughtUp();
    await plant.query('DELETE FROM %"TagData" WHERE "TagName" !~ \'^TI\'');
    expect(await plant.table()).toEqual(before);
    const after = await plant.query(
      "SELECT * FROM %millrace_load WHERE load_id !~ '^[cd]' ORDER BY load_id, partition",
    );
    expect(after).toEqual(counts);
    expect(again.events.some((one) => one.type === 'applied' && one.counting === 'uncounted')).toBe(true);
  });
});

describe('bad rows', () => {
  it('one bad row of 10,000 costs that row', async () => {
    await plant.publish(readings(LOAD_A, 10_000, (row) => (row === 6_667 ? { note: LONG } : {})));
    await using running = await plant.run();
    await plant.caughtUp();
    expect((await plant.table()).rows).toBe(9_999);
    const letters = await plant.harness.deadLetters(plant.pipeline);
    expect(letters).toMatchObject([
      {
        stage: 'sink.warehouse',
        loadId: LOAD_A,
        row: 6_667,
        reason: 'MR-SINK-TOO-LONG',
        field: 'note',
        encoding: 'avro',
      },
    ]);
    expect(letters[0]?.message).not.toContain(LONG);
    const [load] = await plant.settled({ [LOAD_A]: 10_000 });
    expect(load).toMatchObject({ state: 'balancedWithRejects', openRejects: 1 });
    expect(running.events.filter((event) => event.type === 'trouble')).toEqual([]);
  });

  it('what no database holds, what is no record and what has no mark is set aside as well', async () => {
    const good = [...readings(LOAD_A, 4)];
    const at = (i: number) => good[i] ?? { load: LOAD_A, row: 0, value: {} };
    await plant.publish([
      at(0),
      { ...at(1), value: { ...at(1).value, note: 'a\0b' } },
      { ...at(2), bytes: Buffer.from('not avro') },
      { ...at(3), mark: null },
    ]);
    await using _running = await plant.run();
    await plant.caughtUp();
    expect((await plant.table()).rows).toBe(1);
    const letters = await plant.harness.deadLetters(plant.pipeline);
    expect(letters.map((letter) => letter.reason).sort()).toEqual([
      'MR-SINK-NO-MARK',
      'MR-SINK-UNREADABLE',
      'MR-SINK-VALUE',
    ]);
    const [counts] = await plant.query('SELECT sum(rejected_n)::int AS rejected FROM %millrace_load');
    expect(counts).toEqual({ rejected: 2 });
  });

  it('a column that is too narrow for all pauses the sink, floods nothing, and goes on once it is widened', async () => {
    await plant.publish(readings(LOAD_A, 10_000, () => ({ note: LONG })));
    await using running = await plant.run();
    const trouble = () => running.events.filter((event) => event.type === 'trouble');
    await waitFor(() => trouble().length > 0, { what: 'the sink to pause', deadlineMs: 30_000 });
    expect(trouble()).toMatchObject([{ kind: 'systemic', code: 'MR-SINK-TOO-MANY-REJECTS' }]);
    expect(await plant.harness.deadLetters(plant.pipeline)).toEqual([]);
    expect((await plant.table()).rows).toBe(0);
    await plant.query('ALTER TABLE %"TagData" ALTER COLUMN "Note" TYPE varchar(200)');
    await plant.caughtUp();
    expect((await plant.table()).rows).toBe(10_000);
    expect(trouble()).toHaveLength(1);
    await waitFor(() => running.events.some((event) => event.type === 'recovered'), {
      what: 'the recovery to be told',
      deadlineMs: 30_000,
    });
    expect((await plant.settled({ [LOAD_A]: 10_000 }))[0]?.state).toBe('balanced');
  });

  it('a replay of its own reject is resolved, one of another sink counts nothing', async () => {
    await plant.publish(readings(LOAD_A, 10, (row) => (row === 5 ? { note: LONG } : {})));
    await using _running = await plant.run();
    await plant.caughtUp();
    const replay = (row: number, stage: string) => {
      const [one] = readings(LOAD_A, 1, () => ({ tag: `replayed by ${stage}` }));
      return {
        load: LOAD_A,
        row,
        value: one?.value ?? {},
        mark: formatReplayMark({ loadId: LOAD_A, row, attempt: 2, stage }),
      };
    };
    await plant.publish([replay(5, 'sink.warehouse'), replay(6, 'sink.other')]);
    await plant.caughtUp();
    expect((await plant.table()).rows).toBe(11);
    const [load] = await plant.settled({ [LOAD_A]: 10 });
    expect(load).toMatchObject({
      state: 'balanced',
      openRejects: 0,
      sinks: { warehouse: { resolved: { n: 1 } } },
    });
  });
});

describe('processes', () => {
  it('killed at each crash point and started again leave each row once and each load reconciled', async () => {
    const points = ['sink.after-stage', 'sink.before-commit', 'sink.after-commit', 'sink.after-dead-letters'];
    // Side by side: each waits until the group has noticed that its member is dead.
    await Promise.all(points.map(killAndResume));
  });

  it('a stopped one loses its partitions, and changes nothing when it wakes up', async () => {
    await using zombie = plant.spawn();
    await plant.publish(readings(LOAD_A, 1_000));
    await plant.caughtUp();
    zombie.kill('SIGSTOP');
    await plant.publish(readings(LOAD_B, 1_000, () => ({}), { first: 5_000 }));
    await using running = await plant.run();
    await plant.caughtUp();
    const before = await plant.table();
    expect(before.rows).toBe(2_000);
    await running.stop();
    zombie.kill('SIGCONT');
    await plant.publish(readings('cccccccccccccccc', 100, () => ({}), { first: 90_000 }));
    await plant.caughtUp();
    expect((await plant.table()).rows).toBe(2_100);
    const loads = await plant.settled({ [LOAD_A]: 1_000, [LOAD_B]: 1_000, cccccccccccccccc: 100 });
    expect(loads.map((load) => load.state)).toEqual(['balanced', 'balanced', 'balanced']);
    expect((await zombie.stop()).code).toBe(0);
  });
});

async function killAndResume(point: string): Promise<void> {
  await using own = await SinkPlant.create(ADDRESSES);
  await own.publish(readings(LOAD_A, 2_000, (row) => (row % 700 === 0 ? { note: LONG } : {})));
  const victim = own.spawn({ MILLRACE_CRASH_AT: point });
  expect((await victim.exited).signal).toBe('SIGKILL');
  await using _running = await own.run();
  await own.caughtUp();
  expect((await own.table()).rows).toBe(1_998);
  const [load] = await own.settled({ [LOAD_A]: 2_000 });
  expect(load).toMatchObject({ state: 'balancedWithRejects', openRejects: 2 });
}
