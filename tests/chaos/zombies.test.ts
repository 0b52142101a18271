import { waitFor } from '@millrace/testkit';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { expectedRows, Plant, readings, type ServiceName } from '../pipeline/plant.ts';
import { randomMoment, seededRandom } from './faults.ts';

const env = inject('stack');
let plant: Plant;
afterEach(() => plant?.[Symbol.asyncDispose]());

describe('a stopped process', () => {
  // SIGSTOP as it works, a successor takes over, SIGCONT: the zombie may try what it likes.
  it.each(['ingest-sftp', 'transformer', 'sql-sink'] as const)(
    'of %s changes nothing when it wakes up',
    async (name: ServiceName) => {
      plant = await Plant.create({ env });
      const services = plant.startAll();
      const files = Array.from({ length: 4 }, (_, i) =>
        readings(20_000, { from: 1_760_000_000 + i * 100_000, offset: i * 20_000 }),
      );
      for (const [i, rows] of files.slice(0, 2).entries()) await plant.deliver(`before ${i}.csv`, rows);
      await waitFor(async () => (await plant.loads()).some((load) => load.rows.n > 0), {
        what: 'work to begin',
      });
      await randomMoment(seededRandom(7), 400);
      services[name].kill('SIGSTOP');
      plant.start(name);
      for (const [i, rows] of files.slice(2).entries()) await plant.deliver(`after ${i}.csv`, rows);
      // All four settle while the first process stands still.
      await plant.settled(4, 120_000);
      services[name].kill('SIGCONT');
      await plant.deliver('last.csv', readings(5_000, { from: 1_790_000_000 }));
      const loads = await plant.settled(5, 120_000);
      expect(loads.map((load) => load.state)).toEqual(Array(5).fill('balanced'));
      expect(await plant.rows()).toEqual(expectedRows(...files, readings(5_000, { from: 1_790_000_000 })));
    },
  );
});

describe('SIGTERM', () => {
  it('drains each service in the middle of its work and exits 0', async () => {
    plant = await Plant.create({ env });
    const services = plant.startAll();
    const rows = readings(60_000);
    await plant.deliver('big.csv', rows);
    await waitFor(async () => (await plant.loads()).some((load) => load.rows.n > 0), {
      what: 'work to begin',
    });
    for (const service of Object.values(services))
      expect(await service.stop()).toEqual({ code: 0, signal: null });
    plant.startAll();
    const [load] = await plant.settled(1);
    expect(load).toMatchObject({ state: 'balanced', rows: { n: 60_000 } });
    expect(await plant.rows()).toEqual(expectedRows(rows));
  });
});
