import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkaClient, TransactionalProducer } from '../src/index.ts';
import { connect, never, newTopic, readValues, sharedBroker } from './support/kafka.ts';

let kafka: KafkaClient;

beforeAll(async () => {
  ({ kafka } = await connect(sharedBroker()));
});

afterAll(async () => {
  await kafka?.close();
});

async function sendOne(
  producer: TransactionalProducer,
  topic: string,
  value: string,
  partition = 0,
): Promise<void> {
  const outbox = kafka.newOutbox();
  outbox.add(topic, partition, 'k', Buffer.from(value), [['m', value]]);
  await producer.send(outbox);
}

describe('three overlapping transactions', () => {
  const orders = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ];

  test('are read correctly in every order of commits and aborts', async () => {
    const topic = await newTopic(kafka);
    const producers = await Promise.all(
      [0, 1, 2].map((i) => kafka.takeOver(`overlap.${topic}.${i}`, never())),
    );
    const expected: string[] = [];
    for (const [o, order] of orders.entries()) {
      for (let bits = 0; bits < 8; bits += 1) {
        const name = (p: number, part: number): string => `${o}.${bits}.${p}.${part}`;
        for (const part of [0, 1])
          for (const [p, producer] of producers.entries()) await sendOne(producer, topic, name(p, part));
        for (const p of order) {
          if (bits & (1 << p)) await producers[p]?.commit();
          else await producers[p]?.abort();
        }
        for (const part of [0, 1])
          for (const p of [0, 1, 2]) if (bits & (1 << p)) expected.push(name(p, part));
      }
    }
    expect(await readValues(kafka, topic)).toEqual(expected);

    const fetched: string[] = [];
    let next = 0;
    const { highWatermark } = await kafka.offsets(topic, 0);
    for await (const batch of kafka.fetch({
      topic,
      partition: 0,
      from: 0,
      signal: never(),
      maxBytes: 2_000,
    })) {
      fetched.push(...batch.records.map((r) => String(r.value)));
      next = batch.nextOffset;
      if (next >= highWatermark) break;
    }
    expect(fetched).toEqual(expected);
    expect(next).toBe(highWatermark);
  });
});

describe('takeover', () => {
  test('fences the predecessor: nothing that it sends or commits afterwards is written', async () => {
    const topic = await newTopic(kafka);
    const id = `zombie.${topic}`;
    const zombie = await kafka.takeOver(id, never());
    await sendOne(zombie, topic, 'committed');
    await zombie.commit();
    await sendOne(zombie, topic, 'open');
    const idle = await kafka.takeOver(`idle.${topic}`, never());
    const idleSuccessor = await kafka.takeOver(`idle.${topic}`, never());

    const successor = await kafka.takeOver(id, never());
    await expect(zombie.commit()).rejects.toMatchObject({ kind: 'fenced' });
    await expect(sendOne(zombie, topic, 'late')).rejects.toMatchObject({ code: 'MR-KAFKA-PRODUCER-SPENT' });
    await expect(sendOne(idle, topic, 'late')).rejects.toMatchObject({ kind: 'fenced' });
    await sendOne(successor, topic, 'successor');
    await successor.commit();
    await sendOne(idleSuccessor, topic, 'idle successor');
    await idleSuccessor.commit();
    expect(await readValues(kafka, topic)).toEqual(['committed', 'successor', 'idle successor']);
  });

  test('fences a predecessor whose partitions were already added to its transaction', async () => {
    const topic = await newTopic(kafka);
    const zombie = await kafka.takeOver(`added.${topic}`, never());
    await sendOne(zombie, topic, 'first');
    await kafka.takeOver(`added.${topic}`, never());
    await expect(sendOne(zombie, topic, 'second')).rejects.toMatchObject({ kind: 'fenced' });
    expect(await readValues(kafka, topic)).toEqual([]);
  });

  test('returns only after the open transaction ended, so that the state read afterwards is complete', async () => {
    const state = await newTopic(kafka, 1, { 'cleanup.policy': 'compact' });
    for (let round = 0; round < 25; round += 1) {
      const predecessor = await kafka.takeOver(`state.${state}`, never());
      await sendOne(predecessor, state, `round ${round}`);
      const committing = predecessor.commit().then(
        () => true,
        () => false,
      );
      // Some rounds at once, some with the commit well under way.
      for (let turns = 0; turns < round * 4; turns += 1) await new Promise(setImmediate);
      await kafka.takeOver(`state.${state}`, never());
      const { lastStable, highWatermark } = await kafka.offsets(state, 0);
      expect(lastStable).toBe(highWatermark);
      const values = await readValues(kafka, state);
      const committed = await committing;
      expect(values.includes(`round ${round}`)).toBe(committed);
      expect(await readValues(kafka, state)).toEqual(values);
    }
  });
});

describe('a transaction', () => {
  test('spans topics and partitions, and its acks tell where each record went', async () => {
    const topic = await newTopic(kafka, 3);
    const other = await newTopic(kafka);
    const producer = await kafka.takeOver(`span.${topic}`, never());
    const outbox = kafka.newOutbox();
    for (let i = 0; i < 9; i += 1) outbox.add(topic, i % 3, `k${i}`, Buffer.from(`${i}`));
    outbox.add(other, 0, null, null);
    const first = await producer.send(outbox);
    expect(first.toSorted((a, b) => (a.topic + a.partition < b.topic + b.partition ? -1 : 1))).toEqual(
      [
        ...[0, 1, 2].map((partition) => ({ topic, partition, baseOffset: 0, count: 3 })),
        { topic: other, partition: 0, baseOffset: 0, count: 1 },
      ].toSorted((a, b) => (a.topic + a.partition < b.topic + b.partition ? -1 : 1)),
    );
    outbox.clear();
    outbox.add(topic, 1, null, Buffer.from('more'));
    expect(await producer.send(outbox)).toEqual([{ topic, partition: 1, baseOffset: 3, count: 1 }]);
    await producer.commit();
    expect(await readValues(kafka, topic, 1)).toEqual(['1', '4', '7', 'more']);
    expect(await readValues(kafka, other)).toEqual(['null']);
  });

  test('larger than a broker takes in one batch is sent in several, in order', async () => {
    const topic = await newTopic(kafka);
    const producer = await kafka.takeOver(`large.${topic}`, never());
    const outbox = kafka.newOutbox();
    const filler = 'x'.repeat(1_000);
    for (let i = 0; i < 3_000; i += 1) outbox.add(topic, 0, null, Buffer.from(`${i} ${filler}`));
    const acks = await producer.send(outbox);
    await producer.commit();
    expect(acks.length).toBeGreaterThan(2);
    expect(acks.reduce((sum, ack) => sum + ack.count, 0)).toBe(3_000);
    const values = await readValues(kafka, topic);
    expect(values.map((v) => Number.parseInt(v, 10))).toEqual(Array.from({ length: 3_000 }, (_, i) => i));
  });

  test('without records costs nothing, and an idle producer commits and aborts nothing', async () => {
    const producer = await kafka.takeOver('empty', never());
    expect(await producer.send(kafka.newOutbox())).toEqual([]);
    await producer.commit();
    await producer.abort();
    await producer.close();
    await expect(producer.send(filled(await newTopic(kafka)))).rejects.toMatchObject({ kind: 'transient' });
  });

  test('takes one step at a time', async () => {
    const topic = await newTopic(kafka);
    const producer = await kafka.takeOver('steps', never());
    const sending = producer.send(filled(topic));
    await expect(producer.commit()).rejects.toMatchObject({ kind: 'bug' });
    await sending;
  });
});

function filled(topic: string) {
  const outbox = kafka.newOutbox();
  outbox.add(topic, 0, null, Buffer.from('x'));
  return outbox;
}
