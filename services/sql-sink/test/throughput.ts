/**
 * How many rows a second one sink process carries from a full output topic into a table, with PostgreSQL on the
 * same machine: `node --conditions=source services/sql-sink/test/throughput.ts [rows] [partitions]`.
 */
import { readFileSync } from 'node:fs';
import { startStack } from '@millrace/stack';
import { tempDir } from '@millrace/testkit';
import { historianSink, pipelineOf } from './fixtures.ts';
import { Harness, type OutputRow } from './harness.ts';

const rows = Number(process.argv[2] ?? 500_000);
const partitions = Number(process.argv[3] ?? 4);
const PER_LOAD = 50_000;

await using dir = await tempDir('millrace-throughput-');
const stack = await startStack({
  dir: dir.path,
  parts: ['kafka', 'registry', 'postgres'],
  keepData: false,
});
const harness = await Harness.start({ brokers: stack.kafka.bootstrap, registryUrl: stack.registry.url });
const sink = historianSink(stack.postgres.url, 'public');
const pipeline = pipelineOf('throughput', partitions, [sink]);
await harness.create(pipeline);

function* readings(): Generator<OutputRow> {
  for (let i = 0; i < rows; i += 1) {
    yield {
      load: `z${Math.floor(i / PER_LOAD)
        .toString(36)
        .padStart(15, '0')}`,
      row: (i % PER_LOAD) + 1,
      value: {
        tag: `PLANT1.UNIT${i % 40}.TI-${i % 2000}`,
        time: 1_700_000_000_000_000 + Math.floor(i / 2000) * 1_000_000,
        value: (i % 977) / 7,
        note: null,
      },
    };
  }
}
await harness.publish(pipeline, readings());

let done = 0;
let applySeconds = 0;
let batches = 0;
const all = Promise.withResolvers<void>();
const cpu = process.cpuUsage();
const began = performance.now();
const running = await harness.run(pipeline, sink, (event) => {
  if (event.type === 'trouble') process.stderr.write(`${event.message}\n${event.remedy}\n`);
  if (event.type !== 'applied') return;
  done += event.rows;
  batches += 1;
  applySeconds += event.applySeconds;
  if (done >= rows) all.resolve();
});
await all.promise;
const seconds = (performance.now() - began) / 1_000;
const used = process.cpuUsage(cpu);
await running.stop();
process.stdout.write(
  `${JSON.stringify({
    rows,
    partitions,
    batches,
    seconds: Number(seconds.toFixed(2)),
    rowsPerSecond: Math.round(rows / seconds),
    cpuSecondsPerMillion: Number((((used.user + used.system) / 1e6 / rows) * 1e6).toFixed(2)),
    databaseCpuSecondsPerMillion: Number(
      ((endedChildrenCpuSeconds(stack.postgres.pid) / rows) * 1e6).toFixed(2),
    ),
    applySeconds: Number(applySeconds.toFixed(1)),
    rssMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
  })}\n`,
);
await harness.stop();
await stack.stop();

/** CPU of the sessions that have ended, from proc(5): ticks of 10 ms, fields 16 and 17. NaN where there is none. */
function endedChildrenCpuSeconds(pid: number): number {
  if (process.platform !== 'linux') return Number.NaN;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[13]) + Number(fields[14])) / 100;
}
