/**
 * How many records a second one transformer process carries, with five rules and dedupe, from a full raw topic:
 * `node --conditions=source services/transformer/test/throughput.ts [records] [computed|reused]`.
 */
import type { TransformDef } from '@millrace/config';
import { cataloguedPipeline } from '@millrace/config';
import {
  formatMark,
  LEDGER_DEFINITION,
  pipelineTopics,
  streamSchema,
  streamTypeOptions,
  topics,
} from '@millrace/contracts';
import { ByteBudget, partitionFor, systemClock } from '@millrace/core';
import { connectKafka, createSchemaRegistry, createWireEncoder } from '@millrace/kafka';
import { startStack } from '@millrace/stack';
import { tempDir } from '@millrace/testkit';
import { startTransformHost } from '../src/adapters/kafka/transform-host.ts';
import { cel, pipelineOf, row, rule } from './fixtures.ts';

const records = Number(process.argv[2] ?? 500_000);
const computed = process.argv[3] === 'computed';
const PER_LOAD = 50_000;

const fields = pipelineOf().transform.outputs[0]?.fields ?? [];
const FAHRENHEIT = { name: 'fahrenheit', type: { kind: 'float64' }, optional: false } as const;
const transform: Partial<TransformDef> = {
  rules: [
    rule('reject', 'NO-TAG', 'tag == ""'),
    rule('reject', 'NOT-A-NUMBER', 'value != value'),
    rule('reject', 'OUT-OF-RANGE', 'value < -1000.0 || value > 100000.0'),
    rule('reject', 'TOO-OLD', 'time < timestamp("2000-01-01T00:00:00Z")'),
    rule('filter', 'test-tag', 'tag.startsWith("TEST")'),
  ],
  ...(computed && {
    compute: [{ ...FAHRENHEIT, cel: cel('value * 1.8 + 32.0') }],
    outputs: [{ name: 'clean', when: null, key: ['tag'], fields: [...fields, FAHRENHEIT] }],
  }),
};
const pipeline = pipelineOf(transform, { name: 'throughput', partitions: 4 });

await using dir = await tempDir('millrace-throughput-');
const stack = await startStack({ dir: dir.path, parts: ['kafka', 'registry'], keepData: false });
const deps = { clock: systemClock, random: Math.random, onEvent: () => undefined };
const kafka = await connectKafka({ brokers: stack.kafka.bootstrap.split(','), clientId: 'throughput' }, deps);
const registry = createSchemaRegistry({ url: stack.registry.url }, { clock: systemClock });
await kafka.ensureTopics([...pipelineTopics(cataloguedPipeline(pipeline)), LEDGER_DEFINITION]);

const raw = topics.raw(pipeline);
const encoder = await createWireEncoder(
  registry,
  raw,
  streamSchema(pipeline, 'raw', pipeline.record.fields),
  streamTypeOptions(),
);
const outbox = kafka.newOutbox();
const signal = new AbortController().signal;
for (let i = 0; i < records; i += 1) {
  const tag = `PLANT1.UNIT${i % 40}.TI-${i % 2000}`;
  const value = row(tag, 1_700_000_000_000_000 + Math.floor(i / 2000) * 1_000_000, (i % 977) / 7);
  const load = Math.floor(i / PER_LOAD)
    .toString(36)
    .padStart(16, '0')
    .replace(/^0/, 'z');
  const headers: [string, string][] = [
    ['m', formatMark(load, (i % PER_LOAD) + 1)],
    ['t', 'mb3k2x9c'],
  ];
  outbox.add(raw, partitionFor(Buffer.from(tag), 4), tag, encoder.encode(value), headers);
  if (outbox.count === 20_000 || i === records - 1) {
    await kafka.produce(outbox, signal);
    outbox.clear();
  }
}

let done = 0;
let batches = 0;
const all = Promise.withResolvers<void>();
const cpu = process.cpuUsage();
const began = performance.now();
const { host } = await startTransformHost(pipeline, {
  instance: 'bench',
  kafka,
  registry,
  clock: systemClock,
  byteBudget: new ByteBudget(256 << 20),
  emit: (event) => {
    if (event.type !== 'batch-committed') return;
    done += event.records;
    batches += 1;
    if (done >= records) all.resolve();
  },
});
await all.promise;
const seconds = (performance.now() - began) / 1000;
const used = process.cpuUsage(cpu);
const cpuSeconds = (used.user + used.system) / 1e6;
process.stdout.write(
  `${JSON.stringify({
    records,
    computed,
    batches,
    seconds: Number(seconds.toFixed(2)),
    recordsPerSecond: Math.round(records / seconds),
    cpuSecondsPerMillion: Number(((cpuSeconds / records) * 1e6).toFixed(2)),
    rssMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
  })}\n`,
);
await host.stop();
await kafka.close();
await stack.stop();
