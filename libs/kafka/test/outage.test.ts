import { systemClock } from '@millrace/core';
import { waitFor } from '@millrace/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connectKafka } from '../src/index.ts';
import { type CopyTopics, copyRunner } from './support/copy-runner.ts';
import {
  connect,
  newTopic,
  produce,
  readValues,
  startCluster,
  type TestClient,
  type TestCluster,
} from './support/kafka.ts';

let cluster: TestCluster;
const clients: TestClient[] = [];

beforeAll(async () => {
  cluster = await startCluster(1);
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map(({ kafka }) => kafka.close()));
});

afterAll(async () => {
  await cluster?.stop();
});

async function client(): Promise<TestClient> {
  const connected = await connect(cluster);
  clients.push(connected);
  return connected;
}

describe.each(['killed', 'stopped', 'silent'] as const)('a broker that is %s for a while', (how) => {
  test('costs nothing: fetch, produce and membership come back by themselves', async () => {
    const { kafka, events } = await client();
    const topics: CopyTopics = {
      input: await newTopic(kafka, 2),
      output: await newTopic(kafka),
      state: await newTopic(kafka, 2, { 'cleanup.policy': 'compact' }),
      outputPartitions: 1,
      prefix: `copy-${how}`,
    };
    const host = kafka.host({
      groupId: `outage-${how}`,
      topic: topics.input,
      runner: copyRunner(kafka, topics),
    });
    for (const p of [0, 1]) await produce(kafka, topics.input, ['a', 'b'], p);
    await waitFor(async () => (await readValues(kafka, topics.output)).length === 4, {
      what: 'the first records',
    });

    const broker = cluster.kafka.broker(1);
    if (how === 'silent') broker.pause();
    else await (how === 'killed' ? broker.kill() : broker.stop());
    // What is produced meanwhile waits for the broker.
    const waiting = [0, 1].map((p) => produce(kafka, topics.input, ['c', 'd'], p));
    await waitFor(() => events.some((e) => e.type === 'broker-lost'), { what: 'the loss to be noticed' });
    expect(kafka.connected).toBe(false);
    if (how === 'silent') broker.resume();
    else await broker.start();
    await Promise.all(waiting);

    // A plain produce may be repeated when its answer was lost, so what counts is the log of the input.
    await waitFor(
      async () => {
        const expected = await Promise.all(
          [0, 1].map(async (p) =>
            (await readValues(kafka, topics.input, p)).map((_, offset) => `${p}:${offset}`),
          ),
        );
        const copied = await readValues(kafka, topics.output);
        return copied.length >= 8 && String(copied.toSorted()) === String(expected.flat().toSorted());
      },
      { what: 'every record to be copied once' },
    );
    await waitFor(() => host.joined, { what: 'membership' });
    const changes = events
      .filter((e) => e.type === 'broker-lost' || e.type === 'broker-back')
      .map((e) => e.type);
    expect(changes).toEqual(['broker-lost', 'broker-back']);
    await host.stop();
  });
});

test('a client that starts while the broker is away connects by itself', async () => {
  const broker = cluster.kafka.broker(1);
  await broker.stop();
  const { kafka, events } = await client();
  expect(kafka.connected).toBe(false);
  await expect(kafka.clusterId()).rejects.toMatchObject({ kind: 'transient' });
  await broker.start();
  await waitFor(() => kafka.connected, { what: 'the client to connect' });
  expect(events.map((e) => e.type)).toEqual(expect.arrayContaining(['broker-lost', 'broker-back']));
  const topic = await newTopic(kafka);
  await produce(kafka, topic, ['a']);
  expect(await readValues(kafka, topic)).toEqual(['a']);
});

test('brokers that make no sense are refused at once', async () => {
  const deps = { clock: systemClock, random: Math.random, onEvent: () => undefined };
  for (const brokers of [[], ['nowhere'], ['host:0'], ['host:99999']]) {
    await expect(connectKafka({ brokers, clientId: 'x' }, deps)).rejects.toMatchObject({ kind: 'config' });
  }
});
