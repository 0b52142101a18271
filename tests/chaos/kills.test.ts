import { type Service, waitFor } from '@millrace/testkit';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { expectedRows, Plant, type Row, readings, type ServiceName } from '../pipeline/plant.ts';
import { randomMoment, seededRandom, supervise } from './faults.ts';

const env = inject('stack');
let plant: Plant;
afterEach(() => plant?.[Symbol.asyncDispose]());

/** Ten files of several transactions each, with duplicates across and within files and rows that two stages reject. */
function exportsOf(rowsPerFile: number): (readonly Row[])[] {
  return Array.from({ length: 10 }, (_, i) => {
    const rows = readings(rowsPerFile, { from: 1_760_000_000 + i * rowsPerFile, offset: i * rowsPerFile });
    const again = rows.slice(0, 50);
    const bad: Row[] = [
      { tag: 'Bad', second: 1_790_000_000 + i, value: 'broken' },
      { tag: 'Bad', second: 1_790_000_000 + i, value: 5e9 },
    ];
    return [...rows, ...again, ...bad];
  });
}

async function deliverAll(files: readonly (readonly Row[])[]): Promise<void> {
  for (const [i, rows] of files.entries()) await plant.deliver(`export ${i}.csv`, rows);
}

async function expectAllThere(files: readonly (readonly Row[])[]): Promise<void> {
  const loads = await plant.settled(files.length, 180_000);
  expect(loads.map((load) => [load.state, load.openRejects, load.differences])).toEqual(
    files.map(() => ['balancedWithRejects', 2, []]),
  );
  expect(await plant.rows()).toEqual(
    expectedRows(...files.map((rows) => rows.filter((row) => row.value !== 5e9))),
  );
}

const CRASH_POINTS: readonly (readonly [ServiceName, string])[] = [
  ['ingest-sftp', 'ingest.after-send'],
  ['ingest-sftp', 'ingest.before-commit'],
  ['ingest-sftp', 'ingest.after-commit'],
  ['ingest-sftp', 'ingest.before-archive'],
  ['ingest-sftp', 'ingest.after-archive'],
  ['transformer', 'transform.after-send'],
  ['transformer', 'transform.before-commit'],
  ['transformer', 'transform.after-commit'],
  ['sql-sink', 'sink.after-stage'],
  ['sql-sink', 'sink.before-commit'],
  ['sql-sink', 'sink.after-commit'],
];

function hasPartitions(service: Service): boolean {
  return service.logs.some(
    (line) => line.event === 'assigned' && Array.isArray(line.partitions) && line.partitions.length > 0,
  );
}

describe('kill -9', () => {
  it('at each named crash point, twice each, leaves rows and counts as expected', async () => {
    plant = await Plant.create({ env });
    const files = exportsOf(25_000);
    const crashed: string[] = [];
    for (const service of ['ingest-sftp', 'transformer', 'sql-sink'] as const) {
      const points = CRASH_POINTS.filter(([owner]) => owner === service).flatMap(([, point]) => [
        `${point}:1`,
        `${point}:3`,
      ]);
      supervise(plant, service, {
        // Each start is armed with the next point; when all have fired, the service runs on.
        envOfStart: () => ({ MILLRACE_CRASH_AT: points.shift() }),
        onExit: (signal, started) => {
          if (signal === 'SIGKILL') crashed.push(started.MILLRACE_CRASH_AT ?? '');
        },
      });
    }
    await deliverAll(files);
    await expectAllThere(files);
    // Points that the first files did not reach fire on later ones.
    for (let extra = 0; crashed.length < CRASH_POINTS.length * 2 && extra < 12; extra += 1) {
      const rows = readings(400, { from: 1_800_000_000 + extra * 1_000 });
      await plant.deliver(`extra ${extra}.csv`, rows);
      await plant.settled(files.length + extra + 1);
    }
    expect(crashed.filter(Boolean).sort()).toEqual(
      CRASH_POINTS.flatMap(([, point]) => [`${point}:1`, `${point}:3`]).sort(),
    );
  });

  it('of any service at 40 seeded random moments leaves rows and counts as expected', async () => {
    const seed = Number(process.env.MILLRACE_SEED ?? 20_261_120);
    const random = seededRandom(seed);
    process.stderr.write(`chaos: MILLRACE_SEED=${seed}\n`);
    plant = await Plant.create({ env });
    const files = exportsOf(40_000);
    const running = new Map<ServiceName, () => Service>();
    for (const service of ['ingest-sftp', 'transformer', 'sql-sink'] as const)
      running.set(service, supervise(plant, service, {}));
    for (let kill = 0; kill < 40; kill += 1) {
      const rows = files[kill / 4];
      if (rows) await plant.deliver(`export ${kill / 4}.csv`, rows);
      // A killed member's partitions are free after its session only: who waits for them has nothing to lose yet.
      const atWork = await waitFor(
        () => {
          const services = [...running.values()].map((service) => service()).filter(hasPartitions);
          return services.length > 0 ? services : null;
        },
        { what: 'a service to have partitions', deadlineMs: 60_000 },
      );
      const victim = atWork[Math.floor(random() * atWork.length)];
      await randomMoment(random, 1_500);
      victim?.kill('SIGKILL');
      await victim?.exited;
    }
    await expectAllThere(files);
  });
});
