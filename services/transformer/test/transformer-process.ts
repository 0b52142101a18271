import type { Pipeline } from '@millrace/config';
import { ByteBudget, systemClock } from '@millrace/core';
import { connectKafka, createSchemaRegistry } from '@millrace/kafka';
import { startTransformHost } from '../src/adapters/kafka/transform-host.ts';
import { pipelineOf } from './fixtures.ts';

/** The transformer as a process that tests can kill. Argument: name, partitions and transform of the pipeline. */
function log(line: object): void {
  process.stdout.write(
    `${JSON.stringify(line, (_key, value) => (value instanceof Map ? [...value] : value))}\n`,
  );
}

const { name, partitions, transform } = JSON.parse(process.argv[2] ?? '{}') as Pipeline;
const kafka = await connectKafka(
  { brokers: (process.env.KAFKA_BROKERS ?? '').split(','), clientId: 'transformer-process' },
  {
    clock: systemClock,
    random: Math.random,
    onEvent: (event) => log({ ...event, ...('error' in event ? { error: event.error.message } : {}) }),
  },
);
const { host } = await startTransformHost(pipelineOf(transform, { name, partitions }), {
  instance: 'test',
  kafka,
  registry: createSchemaRegistry({ url: process.env.SCHEMA_REGISTRY_URL ?? '' }, { clock: systemClock }),
  clock: systemClock,
  byteBudget: new ByteBudget(64 << 20),
  emit: log,
});
process.once('SIGTERM', () => {
  void host.stop().then(() => kafka.close());
});
await host.done;
