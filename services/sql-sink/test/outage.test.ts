import { startStack } from '@millrace/stack';
import { tempDir, waitFor } from '@millrace/testkit';
import { expect, inject, it } from 'vitest';
import { readings, SinkPlant } from './plant.ts';

const { KAFKA_BROKERS = '', SCHEMA_REGISTRY_URL = '' } = inject('stack');
const LOAD_A = 'aaaaaaaaaaaaaaaa';
const LOAD_B = 'bbbbbbbbbbbbbbbb';

/** A database of its own: it is broken on purpose. */
it('a database that is stopped at once and comes back is one trouble, one recovery, and no row lost or doubled', async () => {
  await using dir = await tempDir('millrace-outage-');
  const stack = await startStack({ dir: dir.path, parts: ['postgres'], keepData: true });
  try {
    const databaseUrl = stack.postgres.url;
    await using plant = await SinkPlant.create({
      brokers: KAFKA_BROKERS,
      registryUrl: SCHEMA_REGISTRY_URL,
      databaseUrl,
    });
    await using running = await plant.run();
    const told = (type: string) => running.events.filter((event) => event.type === type).length;
    await plant.publish(readings(LOAD_A, 20_000));
    await waitFor(() => told('applied') > 0, { what: 'a first batch', deadlineMs: 60_000 });

    await stack.postgres.stopImmediately();
    await plant.publish(readings(LOAD_B, 20_000, () => ({}), { first: 100_000 }));
    await waitFor(() => told('trouble') > 0, { what: 'the trouble to be told', deadlineMs: 30_000 });
    // Several tries of both partitions fail meanwhile.
    const failures = () => running.sink.host.status().filter((one) => one.state === 'retrying').length;
    await waitFor(() => failures() === 2, { what: 'both partitions to be waiting', deadlineMs: 30_000 });
    await stack.postgres.start();
    await plant.reconnect();

    await plant.caughtUp();
    expect((await plant.table()).rows).toBe(40_000);
    const loads = await plant.settled({ [LOAD_A]: 20_000, [LOAD_B]: 20_000 });
    expect(loads.map((load) => load.state)).toEqual(['balanced', 'balanced']);
    expect(await plant.harness.deadLetters(plant.pipeline)).toEqual([]);
    await waitFor(() => told('recovered') > 0, { what: 'the recovery to be told', deadlineMs: 30_000 });
    const codes = running.events.flatMap((event) => (event.type === 'trouble' ? [event.kind] : []));
    expect(new Set(codes)).toEqual(new Set(['transient']));
    expect(told('recovered')).toBe(1);

    // And once more while there is nothing to write: it says so within seconds, and is well again by itself.
    await stack.postgres.stopImmediately();
    await waitFor(() => told('trouble') > 1, { what: 'the idle sink to notice', deadlineMs: 30_000 });
    await stack.postgres.start();
    await waitFor(() => told('recovered') > 1, { what: 'the idle sink to be back', deadlineMs: 60_000 });
    await plant.reconnect();
    expect((await plant.table()).rows).toBe(40_000);
  } finally {
    await stack.stop();
  }
});
