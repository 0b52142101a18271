/** A sink as a process of its own, to be killed and stopped: `sink-process.ts '<json of name, partitions, schema>'`. */
import { historianSink, pipelineOf } from './fixtures.ts';
import { Harness } from './harness.ts';

const { name, partitions, schema } = JSON.parse(process.argv[2] ?? '{}') as {
  name: string;
  partitions: number;
  schema: string;
};
const { KAFKA_BROKERS = '', SCHEMA_REGISTRY_URL = '', DATABASE_URL = '' } = process.env;

const harness = await Harness.start({ brokers: KAFKA_BROKERS, registryUrl: SCHEMA_REGISTRY_URL });
const sink = historianSink(DATABASE_URL, schema);
const running = await harness.run(pipelineOf(name, partitions, [sink]), sink, (event) =>
  process.stdout.write(`${JSON.stringify(event)}\n`),
);
process.once('SIGTERM', () => {
  void running
    .stop()
    .then(() => harness.stop())
    .then(() => process.exit(0));
});
