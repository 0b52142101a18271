import { groupId, sinkGroupId } from '@millrace/contracts';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { Plant } from './plant.ts';

const env = inject('stack');
const after: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of after.splice(0).reverse()) await step();
});

/** A stock consumer, whose protocol is not ours: the broker lets nobody of ours into its group. */
async function occupy(group: string): Promise<void> {
  const kafka = new Kafka({ brokers: (env.KAFKA_BROKERS ?? '').split(','), logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: group, numPartitions: 1 }] });
  await admin.disconnect();
  const consumer = kafka.consumer({ groupId: group });
  after.push(() => consumer.disconnect());
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.connect();
  await consumer.subscribe({ topic: group });
  await consumer.run({ eachMessage: async () => undefined });
  await joined;
}

describe('a service that can never become a member of its group', () => {
  it.each(['ingest-sftp', 'transformer', 'sql-sink'] as const)(
    'ends with 1 instead of idling: %s',
    async (name) => {
      const plant = await Plant.create({ env });
      after.push(() => plant[Symbol.asyncDispose]());
      await occupy(
        name === 'sql-sink'
          ? sinkGroupId(plant.name, name, plant.id, 'tagdata')
          : groupId(plant.name, name, plant.id),
      );
      const service = plant.start(name);
      expect(await service.exited).toEqual({ code: 1, signal: null });
      expect(service.logs).toContainEqual(
        expect.objectContaining({ event: 'crashed', what: 'a pipeline is beyond recovery' }),
      );
    },
  );
});
