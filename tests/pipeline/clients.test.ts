import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { Plant, readings } from './plant.ts';

const env = inject('stack');
let plant: Plant;
afterEach(() => plant?.[Symbol.asyncDispose]());

interface Seen {
  readonly value: unknown;
  readonly mark: string;
  readonly key: string;
}

/** A client that knows nothing of Millrace: stock kafkajs and the registry client's own decoding. */
async function readWithStockClient(topic: string, count: number): Promise<Seen[]> {
  const kafka = new Kafka({ brokers: (env.KAFKA_BROKERS ?? '').split(','), logLevel: logLevel.NOTHING });
  const registry = new SchemaRegistry({ host: env.SCHEMA_REGISTRY_URL ?? '' });
  const consumer = kafka.consumer({ groupId: `stranger-${topic}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const seen: Seen[] = [];
  const done = Promise.withResolvers<void>();
  await consumer.run({
    eachMessage: async ({ message }) => {
      const value = message.value === null ? null : await registry.decode(message.value);
      seen.push({ value, mark: String(message.headers?.m), key: String(message.key) });
      if (seen.length === count) done.resolve();
    },
  });
  await done.promise;
  await consumer.disconnect();
  return seen;
}

describe('other clients', () => {
  it('read our topics with the registry, and `m` is readable there', async () => {
    plant = await Plant.create({ env });
    plant.startAll();
    await plant.deliver('a.csv', readings(20));
    const [load] = await plant.settled(1);
    for (const topic of [plant.topic('raw'), plant.topic('clean')]) {
      const seen = await readWithStockClient(topic, 20);
      expect(new Set(seen.map(({ mark }) => mark))).toEqual(
        new Set(Array.from({ length: 20 }, (_, i) => `${load?.loadId}:${(i + 1).toString(36)}`)),
      );
      expect(seen.find(({ key }) => key === 'Line3.Temp')?.value).toMatchObject({
        tagName: 'Line3.Temp',
        timestamp: 1_760_000_000_000_000,
        value: 3.25,
      });
    }
  });
});
