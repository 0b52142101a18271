import { ByteBudget, MillraceError, type RecordValue } from '@millrace/core';
import type { FetchedBatch, Outbox, WireDecoder, WireEncoder } from '@millrace/kafka';
import { FakeClock } from '@millrace/testkit';
import { expect, it } from 'vitest';
import { DeadLetterWriter } from './dead-letters.ts';
import type { SinkEvent } from './events.ts';
import { PartitionSink, type SinkParts } from './partition-sink.ts';
import type { SinkSession } from './port.ts';
import { Progress } from './progress.ts';
import { Tolerance } from './tolerance.ts';

/** A log from `start` to `end`, and a target at `next` that writes down what it is asked to do. */
function setUp(next: number, log: { start: number; end: number }, over: Partial<SinkParts> = {}) {
  const calls: string[] = [];
  const events: SinkEvent[] = [];
  const session: SinkSession = {
    position: { next, countedThrough: next, startOffset: 0, ledgerThrough: 0 },
    unpublished: async () => [],
    check: () => null,
    stage: async () => undefined,
    apply: async ({ from, to }) => {
      calls.push(`apply ${from}-${to}`);
      return [];
    },
    skip: async ({ from, to }) => {
      calls.push(`skip ${from}-${to}`);
    },
    probe: async () => [],
    recordGap: async (from, to) => {
      calls.push(`gap ${from}-${to}`);
    },
    release: async () => {
      calls.push('release');
    },
  };
  const outbox = { add: () => undefined, count: 0, bytes: 0, clear: () => undefined } satisfies Outbox;
  const stop = new AbortController();
  const kafka: SinkParts['kafka'] = {
    clusterId: async () => 'c',
    offsets: async () => ({ start: log.start, lastStable: log.end, highWatermark: log.end }),
    newOutbox: () => outbox,
    produce: async () => [],
    async *fetch({ topic, partition, from }): AsyncGenerator<FetchedBatch> {
      calls.push(`fetch ${from}`);
      yield { topic, partition, records: [], nextOffset: log.end, highWatermark: log.end, bytes: 0 };
      stop.abort(new Error('enough'));
    },
  };
  const clock = new FakeClock();
  const encoder: WireEncoder = { schemaId: 1, encode: () => Buffer.alloc(1) };
  const decoder: WireDecoder<RecordValue> = {
    decode: () => ({}),
    schemaIdOf: () => 1,
    prepare: async () => undefined,
  };
  const common = { pipeline: 'p', stage: 'sink.s', topic: 'p.clean', clock };
  const deadLetters = new DeadLetterWriter(kafka, {
    ...common,
    inputTopic: 'p.clean',
    partitions: 1,
    encoder,
  });
  const parts: SinkParts = {
    ...common,
    output: 'clean',
    layoutHash: 'l',
    owner: 'o',
    onTruncation: 'halt',
    batchRecordsMax: 10,
    kafka,
    target: { claim: async () => session },
    decoder,
    ledgerEncoder: encoder,
    deadLetters,
    tolerance: new Tolerance(),
    byteBudget: new ByteBudget(1_000),
    progress: new Progress(clock),
    emit: (event) => events.push(event),
    worked: () => undefined,
    ...over,
  };
  return { calls, events, run: () => PartitionSink.run(parts, 0, stop.signal) };
}

it('passes markers in the target as well, or retention would seem to have deleted unread records', async () => {
  const { calls, run } = setUp(10, { start: 0, end: 13 });
  await run();
  expect(calls).toEqual(['fetch 10', 'skip 10-13', 'release']);
});

it('halts where the log was truncated, with the gap on record', async () => {
  const { calls, run } = setUp(10, { start: 40, end: 50 });
  await expect(run()).rejects.toMatchObject({ kind: 'halt', code: 'MR-SINK-TRUNCATED' });
  expect(calls).toEqual(['gap 10-40', 'release']);
});

it('goes on behind the gap when it is told to', async () => {
  const { calls, events, run } = setUp(10, { start: 40, end: 40 }, { onTruncation: 'gap' });
  await run();
  expect(calls).toEqual(['gap 10-40', 'skip 10-40', 'fetch 40', 'release']);
  expect(events).toContainEqual({ type: 'gap', partition: 0, from: 10, to: 40 });
});

it('halts above the end of the log and writes nothing', async () => {
  const { calls, run } = setUp(51, { start: 0, end: 50 });
  const error: unknown = await run().catch((thrown) => thrown);
  expect(error).toBeInstanceOf(MillraceError);
  expect(error).toMatchObject({ kind: 'halt', code: 'MR-SINK-ABOVE-END' });
  expect(calls).toEqual(['release']);
});
