import { topics } from '@millrace/contracts';
import { waitFor } from '@millrace/testkit';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { deleteRecords } from '../../../libs/kafka/test/support/delete-records.ts';
import { type PlantAddresses, readings, SinkPlant } from './plant.ts';

const { KAFKA_BROKERS = '', SCHEMA_REGISTRY_URL = '', DATABASE_URL = '' } = inject('stack');
const ADDRESSES: PlantAddresses = {
  brokers: KAFKA_BROKERS,
  registryUrl: SCHEMA_REGISTRY_URL,
  databaseUrl: DATABASE_URL,
};
const LOAD_A = 'aaaaaaaaaaaaaaaa';
const LOAD_B = 'bbbbbbbbbbbbbbbb';

let plant: SinkPlant;
beforeEach(async () => {
  plant = await SinkPlant.create(ADDRESSES);
});
afterEach(() => plant[Symbol.asyncDispose]());

it('an idle sink goes back by itself when it is rewound, and fills up what was lost', async () => {
  await using running = await plant.run();
  await plant.publish(readings(LOAD_A, 500));
  await plant.caughtUp();
  await plant.settled({ [LOAD_A]: 500 });
  const counts = await plant.query('SELECT load_id, inserted, applied_n FROM %millrace_load ORDER BY 1, 2');
  await plant.query('DELETE FROM %"TagData" WHERE "TagName" < \'TI-3\'');
  expect((await plant.table()).rows).toBeLessThan(500);
  expect(await plant.rewind(0)).toEqual([0, 1]);
  await plant.caughtUp(20_000);
  expect((await plant.table()).rows).toBe(500);
  expect(await plant.query('SELECT load_id, inserted, applied_n FROM %millrace_load ORDER BY 1, 2')).toEqual(
    counts,
  );
  expect(running.events.filter((event) => event.type === 'trouble')).toEqual([]);
});

it('records that retention deleted before they were written halt it with the gap on record; told to, it goes on', async () => {
  const topic = topics.output(plant.pipeline, 'clean');
  {
    await using _first = await plant.run();
    await plant.publish(readings(LOAD_A, 500));
    await plant.caughtUp();
  }
  const positions = await plant.positions();
  await plant.publish(readings(LOAD_B, 500, () => ({}), { first: 10_000 }));
  for (const [partition, next] of positions) await deleteRecords(KAFKA_BROKERS, topic, partition, next + 10);
  const gaps = () =>
    plant.query(
      'SELECT partition, from_offset::int AS from, to_offset::int AS to FROM %millrace_gap ORDER BY 1',
    );
  const expected = [...positions]
    .sort()
    .map(([partition, next]) => ({ partition, from: next, to: next + 10 }));
  {
    await using halted = await plant.run();
    const states = () => halted.sink.host.status().map((one) => one.state);
    await waitFor(() => states().join() === 'halted,halted', {
      what: 'both partitions to halt',
      deadlineMs: 30_000,
    });
    expect(await gaps()).toEqual(expected);
    expect(halted.events.find((event) => event.type === 'trouble')).toMatchObject({
      kind: 'halt',
      code: 'MR-SINK-TRUNCATED',
    });
    expect((await plant.table()).rows).toBe(500);
  }
  await using going = await plant.harness.run(plant.pipeline, { ...plant.sink, onTruncation: 'gap' });
  await plant.caughtUp();
  expect((await plant.table()).rows).toBe(980);
  expect(await gaps()).toEqual(expected);
  expect(going.events.filter((event) => event.type === 'gap')).toHaveLength(2);
});

it('two pipelines that write the same keys into one table block each other for moments only, and both balance', async () => {
  await using other = await SinkPlant.create(ADDRESSES, {
    schema: plant.schema,
    // Locks in another order: what they are to do about deadlocks is to try again.
    write: { mode: 'merge', key: ['Timestamp', 'TagName'], version: [] },
    batchRecordsMax: 700,
  });
  const n = 20_000;
  await plant.publish(readings(LOAD_A, n, () => ({ note: 'older' }), { fileTime: 1_000 }));
  await other.publish([...readings(LOAD_B, n, () => ({ note: 'newer' }), { fileTime: 2_000 })].reverse());
  await using one = await plant.run();
  await using two = await other.run();
  await Promise.all([plant.caughtUp(), other.caughtUp()]);
  const found = await plant.query('SELECT "Note", count(*)::int AS n FROM %"TagData" GROUP BY 1');
  expect(found).toEqual([{ Note: 'newer', n }]);
  const [a] = await plant.settled({ [LOAD_A]: n });
  const [b] = await other.settled({ [LOAD_B]: n });
  expect([a?.state, b?.state]).toEqual(['balanced', 'balanced']);
  const inserted = (a?.sinks.warehouse?.inserted ?? 0) + (b?.sinks.warehouse?.inserted ?? 0);
  expect(inserted).toBe(n);
  const kinds = [...one.events, ...two.events].flatMap((event) =>
    event.type === 'trouble' ? [event.kind] : [],
  );
  expect(kinds.filter((kind) => kind !== 'transient')).toEqual([]);
  expect(await plant.harness.deadLetters(plant.pipeline)).toEqual([]);
  expect(await other.harness.deadLetters(other.pipeline)).toEqual([]);
});
