import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FILE_PARTS, type Stack, startStack } from '@millrace/stack';
import { type Service, tempDir, waitFor } from '@millrace/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectedRows, Plant, readings } from '../pipeline/plant.ts';
import { outage } from './faults.ts';

/** How long things are away. Issue 3 asks for 20 s. */
const AWAY_MS = 20_000;

let stack: Stack<(typeof FILE_PARTS)[number]>;
let plant: Plant;
beforeAll(async () => {
  const dir = await tempDir();
  await mkdir(dir.path, { recursive: true });
  stack = await startStack({ dir: join(dir.path, 'stack'), parts: FILE_PARTS, keepData: false });
});
afterAll(() => stack?.stop());
afterEach(() => plant?.[Symbol.asyncDispose]());

async function feedAndBreak(breakIt: () => Promise<void>): Promise<Record<string, Service>> {
  plant = await Plant.create({ env: stack.env });
  const services = plant.startAll();
  const before = readings(30_000);
  const after = readings(5_000, { from: 1_790_000_000 });
  await plant.deliver('before.csv', before);
  await waitFor(async () => (await plant.loads()).some((load) => load.rows.n > 0), { what: 'work to begin' });
  await breakIt();
  await plant.deliver('after.csv', after);
  const loads = await plant.settled(2, 120_000);
  expect(loads.map((load) => load.state)).toEqual(['balanced', 'balanced']);
  expect(await plant.rows()).toEqual(expectedRows(before, after));
  for (const service of Object.values(services)) expect(service.running).toBe(true);
  return services;
}

/** Lines at warn or above (pino: 40 and up) that match. */
function changes(service: Service | undefined, pattern: RegExp): number {
  return service?.logs.filter((line) => pattern.test(JSON.stringify(line))).length ?? 0;
}

describe('what a process lives through without a restart', () => {
  it('Kafka away for 20 s: one line when it goes, one when it is back', async () => {
    const services = await feedAndBreak(() =>
      outage(
        AWAY_MS,
        () => stack.kafka.broker(1).kill(),
        () => stack.kafka.broker(1).start(),
      ),
    );
    for (const service of Object.values(services)) {
      expect(changes(service, /"event":"broker-lost"/)).toBe(1);
      expect(changes(service, /"event":"broker-back"/)).toBe(1);
    }
  });

  it('the database stopped at once, away for 20 s', async () => {
    const services = await feedAndBreak(() =>
      outage(
        AWAY_MS,
        () => stack.postgres.kill(),
        () => stack.postgres.start(),
      ),
    );
    expect(changes(services['sql-sink'], /"event":"trouble"/)).toBe(1);
    expect(changes(services['sql-sink'], /"event":"recovered"/)).toBe(1);
  });

  it('the SFTP connection cut in the middle of a file', async () => {
    await feedAndBreak(async () => {
      await stack.sftp.fault({ kind: 'cutAfterBytes', bytes: 200_000 });
    });
  });
});
