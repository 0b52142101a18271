import { waitFor } from '@millrace/testkit';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkaClient, PartitionHost } from '../src/index.ts';
import { type CopyTopics, copyRunner } from './support/copy-runner.ts';
import { connect, newTopic, produce, readValues, startCluster, type TestCluster } from './support/kafka.ts';

const PARTITIONS = 4;
const SESSION_MS = 6_000;

let cluster: TestCluster;
let admin: ReturnType<Kafka['admin']>;

beforeAll(async () => {
  // A dead broker's leaders move after its session, so a short one makes short tests.
  cluster = await startCluster(3, {
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
  });
  const brokers = cluster.bootstrap.split(',');
  admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
});

afterAll(async () => {
  await admin?.disconnect();
  await cluster?.stop();
});

/** Moves the leadership of every partition of a topic: replicas without the present leader, then all again. */
async function moveLeaders(topic: string): Promise<void> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const partitions = topics[0]?.partitions ?? [];
  const to = async (replicasOf: (leader: number) => number[]): Promise<void> => {
    const partitionAssignment = partitions.map((p) => ({
      partition: p.partitionId,
      replicas: replicasOf(p.leader),
    }));
    await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] });
    await waitFor(
      async () =>
        (
          await admin.listPartitionReassignments({
            topics: [{ topic, partitions: partitions.map((p) => p.partitionId) }],
          })
        ).topics.length === 0,
      { what: `the replicas of ${topic} to move`, deadlineMs: 60_000 },
    );
  };
  await to((leader) => [1, 2, 3].filter((id) => id !== leader));
  await to((leader) => [1, 2, 3].sort((a, b) => Number(a === leader) - Number(b === leader)));
}

interface Pipeline {
  readonly topics: CopyTopics;
  readonly hosts: readonly PartitionHost[];
  readonly fed: () => number;
  /** Sum of the next offsets: how many input records are done. */
  readonly committed: () => number;
  readonly failures: () => string[];
  feed(count: number): Promise<void>;
  stop(): Promise<void>;
}

/** Two processes' worth of copying runners, and a feeder that goes on while brokers come and go. */
async function pipeline(name: string): Promise<Pipeline> {
  const members = await Promise.all([connect(cluster, `${name}-1`), connect(cluster, `${name}-2`)]);
  const feeder = await connect(cluster, `${name}-feeder`);
  const topics: CopyTopics = {
    input: await newTopic(feeder.kafka, PARTITIONS),
    output: await newTopic(feeder.kafka, 3),
    state: await newTopic(feeder.kafka, PARTITIONS, { 'cleanup.policy': 'compact' }),
    outputPartitions: 3,
    prefix: name,
  };
  const positions = new Map<number, number>();
  const hooks = { maxRecords: 50, onCommitted: (p: number, next: number) => void positions.set(p, next) };
  const hosts = members.map(({ kafka }) =>
    kafka.host({
      groupId: name,
      topic: topics.input,
      sessionTimeoutMs: SESSION_MS,
      runner: copyRunner(kafka, topics, hooks),
    }),
  );
  let fed = 0;
  return {
    topics,
    hosts,
    fed: () => fed,
    committed: () => [...positions.values()].reduce((sum, next) => sum + next, 0),
    failures: () =>
      members.flatMap(({ events }) =>
        events.flatMap((e) => (e.type === 'runner-failed' ? [`${e.partition}: ${e.error.message}`] : [])),
      ),
    async feed(count) {
      for (let i = 0; i < count; i += 100) {
        const values = Array.from({ length: 100 }, () => `${fed++}`);
        await produce(feeder.kafka, topics.input, values, (i / 100) % PARTITIONS);
      }
    },
    async stop() {
      await Promise.all(hosts.map((host) => host.stop()));
      await Promise.all([...members, feeder].map(({ kafka }) => kafka.close()));
    },
  };
}

/** Each input offset is in the output exactly once: the oracle of all of this. */
async function expectCopiedOnce(
  { topics, committed, failures }: Pipeline,
  reader: KafkaClient,
): Promise<void> {
  const expected: string[] = [];
  for (let p = 0; p < PARTITIONS; p += 1) {
    const { highWatermark } = await reader.offsets(topics.input, p);
    for (let offset = 0; offset < highWatermark; offset += 1) expected.push(`${p}:${offset}`);
  }
  expected.sort();
  await waitFor(() => committed() >= expected.length, {
    what: `${expected.length} records to be copied; failures: ${failures().slice(-5).join(' | ')}`,
    deadlineMs: 60_000,
  });
  const all = (await Promise.all([0, 1, 2].map((p) => readValues(reader, topics.output, p)))).flat();
  const once = new Set(all);
  expect({ lost: expected.filter((v) => !once.has(v)).slice(0, 5), doubled: all.length - once.size }).toEqual(
    {
      lost: [],
      doubled: 0,
    },
  );
  expect(all.length).toBe(expected.length);
}

async function whileFeeding(p: Pipeline, disturb: () => Promise<void>): Promise<void> {
  let disturbed = false;
  const feeding = (async () => {
    // Never far ahead of the copying, which on a busy machine would be left with minutes of work.
    while (!disturbed) {
      await waitFor(() => disturbed || p.fed() - p.committed() < 2_000, {
        what: 'the copying to keep up',
        deadlineMs: 90_000,
      });
      await p.feed(400);
    }
    await p.feed(400);
  })();
  await waitFor(() => p.committed() > 200, { what: 'the copying to be under way', deadlineMs: 60_000 });
  try {
    await disturb();
  } finally {
    disturbed = true;
    await feeding;
  }
}

async function progress(p: Pipeline, records: number): Promise<void> {
  const before = p.committed();
  await waitFor(() => p.committed() > before + records, {
    what: `${records} more records`,
    deadlineMs: 60_000,
  });
}

describe('while records are copied in transactions, nothing is lost or doubled when', () => {
  test('leaders move', async () => {
    const p = await pipeline('moves');
    await whileFeeding(p, async () => {
      for (const topic of [p.topics.output, p.topics.input, p.topics.state]) {
        await moveLeaders(topic);
        await progress(p, 100);
      }
    });
    const { kafka } = await connect(cluster);
    await expectCopiedOnce(p, kafka);
    await kafka.close();
    await p.stop();
  });

  test('each broker in turn is killed and started again', async () => {
    const p = await pipeline('kills');
    await whileFeeding(p, async () => {
      for (const broker of cluster.kafka.brokers) {
        await broker.kill();
        // The other two take over its leaders and coordinators.
        await progress(p, 300);
        await broker.start();
        await progress(p, 300);
      }
    });
    const { kafka } = await connect(cluster);
    await expectCopiedOnce(p, kafka);
    await kafka.close();
    await p.stop();
  }, 300_000);

  test('a broker falls silent and comes back', async () => {
    const p = await pipeline('silence');
    await whileFeeding(p, async () => {
      const broker = cluster.kafka.broker(2);
      broker.pause();
      await progress(p, 300);
      broker.resume();
      await progress(p, 300);
    });
    const { kafka } = await connect(cluster);
    await expectCopiedOnce(p, kafka);
    await kafka.close();
    await p.stop();
  });
});

test('topics get three replicas, two of which have to be in sync', async () => {
  const { kafka } = await connect(cluster);
  const topic = await newTopic(kafka);
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  expect(topics[0]?.partitions[0]?.replicas).toHaveLength(3);
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: 2, name: topic }],
  });
  const entry = resources[0]?.configEntries.find((e) => e.configName === 'min.insync.replicas');
  expect(entry?.configValue).toBe('2');
  await kafka.close();
});
