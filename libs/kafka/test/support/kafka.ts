import { systemClock } from '@millrace/core';
import { type Kafka, startStack } from '@millrace/stack';
import { tempDir } from '@millrace/testkit';
import { inject } from 'vitest';
import { connectKafka, type FetchedRecord, type KafkaClient, type KafkaEvent } from '../../src/index.ts';

/** Somewhere to connect to. */
export interface TestBrokers {
  readonly bootstrap: string;
}

/** A cluster of a test file's own, for those that disturb it. */
export interface TestCluster extends TestBrokers {
  readonly kafka: Kafka;
  stop(): Promise<void>;
}

/** The single broker that all contract tests share. */
export function sharedBroker(): TestBrokers {
  return { bootstrap: inject('stack').KAFKA_BROKERS ?? '' };
}

export async function startCluster(
  brokers: 1 | 3,
  kafkaProperties: Record<string, string> = {},
): Promise<TestCluster> {
  const dir = await tempDir('millrace-kafka-');
  const stack = await startStack({
    dir: dir.path,
    parts: ['kafka'],
    brokers,
    kafkaProperties,
    keepData: false,
  });
  return {
    bootstrap: stack.kafka.bootstrap,
    kafka: stack.kafka,
    async stop() {
      await stack.stop();
      await dir.remove();
    },
  };
}

export interface TestClient {
  readonly kafka: KafkaClient;
  readonly events: KafkaEvent[];
}

export async function connect({ bootstrap }: TestBrokers, clientId = 'test'): Promise<TestClient> {
  const events: KafkaEvent[] = [];
  const kafka = await connectKafka(
    { brokers: bootstrap.split(','), clientId },
    { clock: systemClock, random: Math.random, onEvent: (event) => events.push(event) },
  );
  return { kafka, events };
}

let topics = 0;

/** A new topic of its own name. */
export async function newTopic(
  kafka: KafkaClient,
  partitions = 1,
  config: Record<string, string> = {},
): Promise<string> {
  topics += 1;
  const name = `topic-${process.pid}-${topics}`;
  await kafka.ensureTopics([{ name, partitions, config }]);
  return name;
}

export function never(): AbortSignal {
  return new AbortController().signal;
}

/** Committed records of one partition, from the start of its log to its end. */
export async function readAll(kafka: KafkaClient, topic: string, partition = 0): Promise<FetchedRecord[]> {
  const records: FetchedRecord[] = [];
  for await (const batch of kafka.readToEnd(topic, partition, { signal: never() }))
    records.push(...batch.records);
  return records;
}

export async function readValues(kafka: KafkaClient, topic: string, partition = 0): Promise<string[]> {
  return (await readAll(kafka, topic, partition)).map((r) => String(r.value));
}

/** Fetches until `count` records came, then leaves. */
export async function fetchValues(
  kafka: KafkaClient,
  topic: string,
  count: number,
  options: { from?: number; partition?: number; maxBytes?: number; maxRecords?: number } = {},
): Promise<string[]> {
  const { from = 0, partition = 0, ...bounds } = options;
  const values: string[] = [];
  for await (const batch of kafka.fetch({ topic, partition, from, signal: never(), ...bounds })) {
    for (const record of batch.records) values.push(String(record.value));
    if (values.length >= count) break;
  }
  return values;
}

/** Produces values without a transaction. */
export async function produce(
  kafka: KafkaClient,
  topic: string,
  values: readonly string[],
  partition = 0,
): Promise<void> {
  const outbox = kafka.newOutbox();
  for (const value of values) outbox.add(topic, partition, null, Buffer.from(value));
  await kafka.produce(outbox, never());
}
