import { zstdCompressSync } from 'node:zlib';
import { CompressionCodecs, CompressionTypes, Kafka, logLevel } from 'kafkajs';
import { compressFrameSync } from 'lz4-napi';
import { compressSync } from 'snappy';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FetchedRecord, KafkaClient } from '../src/index.ts';
import {
  connect,
  fetchValues,
  never,
  newTopic,
  produce,
  readAll,
  readValues,
  sharedBroker,
} from './support/kafka.ts';

let kafka: KafkaClient;
let stock: Kafka;

beforeAll(async () => {
  ({ kafka } = await connect(sharedBroker()));
  stock = new Kafka({ brokers: sharedBroker().bootstrap.split(','), logLevel: logLevel.NOTHING });
});

afterAll(async () => {
  await kafka?.close();
});

async function deleteRecords(topic: string, before: number): Promise<void> {
  const admin = stock.admin();
  await admin.connect();
  // Loads its metadata.
  await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(before) }] });
  await admin.disconnect();
}

describe('a position', () => {
  test('that was deleted halts with its numbers, at the start and while following', async () => {
    const topic = await newTopic(kafka);
    await produce(kafka, topic, ['a', 'b', 'c', 'd']);
    await deleteRecords(topic, 3);
    const belowStart = {
      kind: 'halt',
      code: 'MR-KAFKA-POSITION-BELOW-START',
      message: expect.stringMatching(/offset 1, .* starts at 3: 2 offsets/),
    };
    await expect(fetchValues(kafka, topic, 1, { from: 1 })).rejects.toMatchObject(belowStart);
    const reading = kafka.readToEnd(topic, 0, { from: 1, signal: never() })[Symbol.asyncIterator]();
    await expect(reading.next()).rejects.toMatchObject(belowStart);
    expect(await fetchValues(kafka, topic, 1, { from: 3 })).toEqual(['d']);
    expect(await readValues(kafka, topic)).toEqual(['d']);
  });

  test('that is deleted while we wait there halts as well', async () => {
    const topic = await newTopic(kafka);
    await produce(kafka, topic, ['a', 'b']);
    const batches = kafka.fetch({ topic, partition: 0, from: 0, signal: never(), maxRecords: 1 });
    const following = (async () => {
      for await (const { nextOffset } of batches) {
        if (nextOffset !== 1) continue;
        // Both records were fetched; those that come and go now are not.
        await produce(
          kafka,
          topic,
          Array.from({ length: 2_000 }, () => 'x'.repeat(1_000)),
        );
        await produce(
          kafka,
          topic,
          Array.from({ length: 2_000 }, () => 'x'.repeat(1_000)),
        );
        await produce(kafka, topic, ['last']);
        await deleteRecords(topic, 4_002);
      }
    })();
    await expect(following).rejects.toMatchObject({ kind: 'halt', code: 'MR-KAFKA-POSITION-BELOW-START' });
  });

  test('above the end halts with its numbers', async () => {
    const topic = await newTopic(kafka);
    await produce(kafka, topic, ['a']);
    await expect(fetchValues(kafka, topic, 1, { from: 7 })).rejects.toMatchObject({
      kind: 'halt',
      code: 'MR-KAFKA-POSITION-ABOVE-END',
      message: expect.stringMatching(/offset 7, .* ends at 1/),
    });
  });

  test('at the end waits for what comes', async () => {
    const topic = await newTopic(kafka);
    await produce(kafka, topic, ['a']);
    const waiting = fetchValues(kafka, topic, 1, { from: 1 });
    await produce(kafka, topic, ['b']);
    expect(await waiting).toEqual(['b']);
  });
});

describe('following', () => {
  test('ends when it is told to, without an error, also while it waits', async () => {
    const topic = await newTopic(kafka);
    const stop = new AbortController();
    const batches = kafka
      .fetch({ topic, partition: 0, from: 0, signal: stop.signal })
      [Symbol.asyncIterator]();
    const waiting = batches.next();
    stop.abort();
    expect(await waiting).toMatchObject({ done: true });
  });

  test('a batch larger than the bound of a fetch arrives, also for the last of several partitions', async () => {
    const topic = await newTopic(kafka, 3);
    const large = 'x'.repeat(200_000);
    for (const partition of [0, 1, 2]) await produce(kafka, topic, [large, 'small'], partition);
    const read = (partition: number) => fetchValues(kafka, topic, 2, { partition, maxBytes: 10_000 });
    for (const values of await Promise.all([0, 1, 2].map(read))) expect(values).toEqual([large, 'small']);
  });

  test('a slow consumer of one partition does not hold up another', async () => {
    const topic = await newTopic(kafka, 2);
    for (let i = 0; i < 4; i += 1) await produce(kafka, topic, ['x'.repeat(1_000)], 0);
    const options = { topic, signal: never(), maxBytes: 1_000 };
    const slow = kafka.fetch({ ...options, partition: 0, from: 0 })[Symbol.asyncIterator]();
    await slow.next();
    // The next batch of partition 0 is prefetched and left lying; partition 1 follows what is produced from now on.
    const quick = kafka.fetch({ ...options, partition: 1, from: 0 })[Symbol.asyncIterator]();
    for (let i = 0; i < 20; i += 1) {
      const waiting = quick.next();
      await produce(kafka, topic, [`${i}`], 1);
      const { value: batch } = await waiting;
      expect(batch?.records.map((r: FetchedRecord) => String(r.value))).toEqual([`${i}`]);
    }
    for (const iterator of [slow, quick]) await iterator.return?.();
  });

  test('two readers of one partition each get all of it', async () => {
    const topic = await newTopic(kafka);
    const values = Array.from({ length: 40 }, (_, i) => `${i}`);
    for (const value of values) await produce(kafka, topic, [value]);
    const read = (from: number) => fetchValues(kafka, topic, 40 - from, { from, maxBytes: 200 });
    const [all, late] = await Promise.all([read(0), read(25)]);
    expect(all).toEqual(values);
    expect(late).toEqual(values.slice(25));
  });

  test('a topic that is missing is reported, not waited for', async () => {
    await expect(fetchValues(kafka, 'no-such-topic', 1)).rejects.toMatchObject({
      code: 'MR-KAFKA-TOPIC-MISSING',
    });
  });
});

describe('offsets', () => {
  test('of a time are those of the first record at or after it', async () => {
    const topic = await newTopic(kafka);
    await produce(kafka, topic, ['a', 'b']);
    const [first] = await readAll(kafka, topic);
    expect(await kafka.offsetAt(topic, 0, first?.timestamp ?? 0)).toBe(0);
    expect(await kafka.offsetAt(topic, 0, Date.now() + 60_000)).toBe(2);
  });

  test('tell an open transaction from the end', async () => {
    const topic = await newTopic(kafka);
    await produce(kafka, topic, ['a']);
    const producer = await kafka.takeOver(`offsets.${topic}`, never());
    const outbox = kafka.newOutbox();
    outbox.add(topic, 0, null, Buffer.from('open'));
    await producer.send(outbox);
    expect(await kafka.offsets(topic, 0)).toEqual({ start: 0, lastStable: 1, highWatermark: 2 });
    const reading = readValues(kafka, topic);
    await producer.commit();
    expect(await reading).toEqual(['a', 'open']);
  });
});

describe('topics', () => {
  test('are made with their configuration, once, and another partition count halts', async () => {
    const spec = { name: `made-${process.pid}`, partitions: 3, config: { 'cleanup.policy': 'compact' } };
    await Promise.all([kafka.ensureTopics([spec]), kafka.ensureTopics([spec])]);
    expect(await kafka.partitionCount(spec.name)).toBe(3);
    const admin = stock.admin();
    await admin.connect();
    const described = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: spec.name }],
    });
    await admin.disconnect();
    const config = Object.fromEntries(
      described.resources[0]?.configEntries.map((e) => [e.configName, e.configValue]) ?? [],
    );
    expect(config).toMatchObject({ 'cleanup.policy': 'compact', 'min.insync.replicas': '1' });
    await expect(kafka.ensureTopics([{ ...spec, partitions: 4 }])).rejects.toMatchObject({
      kind: 'halt',
      code: 'MR-KAFKA-PARTITIONS',
    });
  });

  test('with a configuration that Kafka does not know are refused as such', async () => {
    const spec = { name: `bad-config-${process.pid}`, partitions: 1, config: { 'cleanup.policy': 'burn' } };
    await expect(kafka.ensureTopics([spec])).rejects.toMatchObject({ kind: 'config' });
  });
});

describe('batches of other producers', () => {
  const values = Array.from({ length: 500 }, (_, i) => `value ${i} `.repeat(i % 20));

  test("compressed by Kafka's Java code, with every codec, are read", async () => {
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
      // The broker compresses again with the topic's codec, with the same Java code as the producer.
      const topic = await newTopic(kafka, 1, codec === 'none' ? {} : { 'compression.type': codec });
      await produce(kafka, topic, values);
      expect(await readValues(kafka, topic)).toEqual(values);
      expect(await fetchValues(kafka, topic, values.length, { maxRecords: 7 })).toEqual(values);
    }
  });

  test('compressed by kafkajs and the codecs of other libraries are read', async () => {
    CompressionCodecs[CompressionTypes.ZSTD] = codecOf(zstdCompressSync);
    CompressionCodecs[CompressionTypes.LZ4] = codecOf(compressFrameSync);
    CompressionCodecs[CompressionTypes.Snappy] = codecOf(compressSync);
    const producer = stock.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    for (const compression of [0, 1, 2, 3, 4]) {
      const topic = await newTopic(kafka);
      await producer.send({
        topic,
        compression,
        messages: values.map((value) => ({ value, headers: { m: value } })),
      });
      const records = await readAll(kafka, topic);
      expect(records.map((r) => String(r.value))).toEqual(values);
      expect(records.map((r) => String(r.header('m')))).toEqual(values);
    }
    await producer.disconnect();
  });

  test("and ours are read by kafkajs's consumer", async () => {
    const topic = await newTopic(kafka);
    const outbox = kafka.newOutbox();
    for (const value of values) outbox.add(topic, 0, `key ${value}`, Buffer.from(value), [['m', value]]);
    await kafka.produce(outbox, never());
    const consumer = stock.consumer({ groupId: `check-${topic}` });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    const seen: string[][] = [];
    const done = Promise.withResolvers<void>();
    await consumer.run({
      eachMessage: async ({ message: { key, value, headers } }) => {
        seen.push([String(key), String(value), String(headers?.m)]);
        if (seen.length === values.length) done.resolve();
      },
    });
    await done.promise;
    await consumer.disconnect();
    expect(seen).toEqual(values.map((value) => [`key ${value}`, value, value]));
  });
});

function codecOf(compress: (bytes: Buffer) => Buffer) {
  return () => ({
    compress: async (encoder: { buffer: Buffer }) => compress(encoder.buffer),
    decompress: async (bytes: Buffer) => bytes,
  });
}
