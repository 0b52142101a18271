import { waitFor } from '@millrace/testkit';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { expectedRows, Plant, readings } from './plant.ts';

const env = inject('stack');
let plant: Plant;
afterEach(() => plant?.[Symbol.asyncDispose]());

describe('two processes of a service', () => {
  it.each(['ingest-sftp', 'transformer', 'sql-sink'] as const)(
    'of %s share the work; a killed one leaves its share, an added one gets its own',
    async (name) => {
      plant = await Plant.create({ env, partitions: 4 });
      const services = plant.startAll();
      const second = plant.start(name);
      const shareOf = (service: typeof second): number[] | undefined => {
        const last = service.logs.findLast((line) => line.event === 'assigned');
        return Array.isArray(last?.partitions) ? last.partitions : undefined;
      };
      const expectShares = (...expected: readonly (readonly [typeof second, number])[]) =>
        waitFor(() => expected.every(([service, share]) => shareOf(service)?.length === share), {
          what: `${name}: shares ${expected.map(([, share]) => share).join(' and ')}`,
        });

      await expectShares([services[name], 2], [second, 2]);
      await plant.deliver('1.csv', readings(5_000));
      await plant.settled(1);

      services[name].kill('SIGKILL');
      await expectShares([second, 4]);
      await plant.deliver('2.csv', readings(5_000, { from: 1_770_000_000 }));
      await plant.settled(2);

      const third = plant.start(name);
      await expectShares([second, 2], [third, 2]);
      await plant.deliver('3.csv', readings(5_000, { from: 1_780_000_000 }));
      const loads = await plant.settled(3);
      expect(loads.map((load) => load.state)).toEqual(['balanced', 'balanced', 'balanced']);
      expect(await plant.rows()).toEqual(
        expectedRows(
          ...[1_760_000_000, 1_770_000_000, 1_780_000_000].map((from) => readings(5_000, { from })),
        ),
      );
    },
  );
});
