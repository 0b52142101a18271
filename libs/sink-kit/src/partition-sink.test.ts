import { MARK_HEADER } from '@millrace/contracts';
import { ByteBudget, emptyTally, MillraceError, type RecordValue } from '@millrace/core';
import type {
  FetchedBatch,
  FetchOptions,
  Outbox,
  TransactionalProducer,
  WireDecoder,
  WireEncoder,
} from '@millrace/kafka';
import { FakeClock } from '@millrace/testkit';
import { describe, expect, it } from 'vitest';
import { DeadLetterWriter } from './dead-letters.ts';
import type { SinkEvent } from './events.ts';
import { PartitionSink, type SinkParts } from './partition-sink.ts';
import type { SinkSession } from './port.ts';
import { Progress } from './progress.ts';
import { Tolerance } from './tolerance.ts';

/** A log from `start` to `end`, and a target at `next` that writes down what it is asked to do. */
function setUp(
  next: number,
  log: { start: number; end: number },
  over: Partial<SinkParts> & { readonly send?: TransactionalProducer['send'] } = {},
  inTarget: Partial<SinkSession> = {},
) {
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
    confirm: async (at) => {
      calls.push(`confirm ${at}`);
    },
    recordGap: async (from, to) => {
      calls.push(`gap ${from}-${to}`);
    },
    release: async () => {
      calls.push('release');
    },
    ...inTarget,
  };
  const outbox = { add: () => undefined, count: 0, bytes: 0, clear: () => undefined } satisfies Outbox;
  const stop = new AbortController();
  const idle = async () => undefined;
  const send = over.send ?? (async () => []);
  const kafka: SinkParts['kafka'] = {
    clusterId: async () => 'c',
    offsets: async () => ({ start: log.start, lastStable: log.end, highWatermark: log.end }),
    newOutbox: () => outbox,
    takeOver: async (transactionalId) => {
      calls.push('take over');
      return { transactionalId, send, commit: idle, abort: idle, close: idle };
    },
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
  const deadLetters = new DeadLetterWriter({
    ...common,
    inputTopic: 'p.clean',
    partitions: 1,
    encoder,
  });
  const parts: SinkParts = {
    ...common,
    output: 'clean',
    transactionalId: (partition) => `id.${partition}`,
    layoutHash: 'l',
    owner: 'o',
    onTruncation: 'halt',
    batchRecordsMax: 10,
    kafka,
    target: { claim: async () => session },
    decoder,
    ledgerEncoder: encoder,
    deadLetters,
    tolerance: new Tolerance({ max: 50, percent: 5 }),
    byteBudget: new ByteBudget(1_000),
    progress: new Progress(clock),
    emit: (event) => events.push(event),
    worked: () => undefined,
    ...over,
  };
  return { calls, events, clock, kafka, stop, run: () => PartitionSink.run(parts, 0, stop.signal) };
}

/** A fetch that has nothing until its signal aborts. */
async function* nothing({ signal }: FetchOptions): AsyncGenerator<FetchedBatch> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

/** Moves the clock on until the work ends. */
async function withTime<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  let ended = false;
  const end = work.finally(() => {
    ended = true;
  });
  end.catch(() => undefined);
  while (!ended) {
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(100);
  }
  return end;
}

function recordsOf(next: number, marks: readonly string[]): FetchedBatch {
  const records = marks.map((mark, i) => ({
    offset: next + i,
    timestamp: 0,
    key: null,
    value: Buffer.from('v'),
    header: (name: string) => (name === MARK_HEADER ? Buffer.from(mark) : undefined),
    headers: () => [],
  }));
  const end = next + marks.length;
  return { topic: 'p.clean', partition: 0, records, nextOffset: end, highWatermark: end, bytes: 1 };
}

it('passes markers in the target as well, or retention would seem to have deleted unread records', async () => {
  const { calls, run } = setUp(10, { start: 0, end: 13 });
  await run();
  expect(calls).toEqual(['take over', 'confirm 10', 'fetch 10', 'skip 10-13', 'release']);
});

it('halts where the log was truncated, with the gap on record', async () => {
  const { calls, run } = setUp(10, { start: 40, end: 50 });
  await expect(run()).rejects.toMatchObject({ kind: 'halt', code: 'MR-SINK-TRUNCATED' });
  expect(calls).toEqual(['take over', 'confirm 10', 'gap 10-40', 'release']);
});

it('goes on behind the gap when it is told to', async () => {
  const { calls, events, run } = setUp(10, { start: 40, end: 40 }, { onTruncation: 'gap' });
  await run();
  expect(calls).toEqual(['take over', 'confirm 10', 'gap 10-40', 'skip 10-40', 'fetch 40', 'release']);
  expect(events).toContainEqual({ type: 'gap', partition: 0, from: 10, to: 40 });
});

it('halts above the end of the log and writes nothing', async () => {
  const { calls, clock, run } = setUp(51, { start: 0, end: 50 });
  const error: unknown = await withTime(clock, run()).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(MillraceError);
  expect(error).toMatchObject({ kind: 'halt', code: 'MR-SINK-ABOVE-END' });
  expect(calls).toEqual(['take over', 'confirm 51', 'release']);
});

it('waits a moment for a new leader that trails behind the position', async () => {
  const { calls, clock, kafka, run } = setUp(50, { start: 0, end: 50 });
  const { offsets } = kafka;
  let asked = 0;
  kafka.offsets = async (topic, partition) => {
    asked += 1;
    const log = await offsets(topic, partition);
    return asked > 4 ? log : { ...log, highWatermark: 47 };
  };
  await withTime(clock, run());
  expect(calls).toEqual(['take over', 'confirm 50', 'fetch 50', 'release']);
});

describe('an idle partition', () => {
  it('goes back within seconds when it was rewound', async () => {
    const confirmed: number[] = [];
    const { kafka, clock, run } = setUp(
      10,
      { start: 0, end: 10 },
      {},
      {
        confirm: async (next) => {
          confirmed.push(next);
          if (confirmed.length > 2)
            throw new MillraceError({ kind: 'fenced', code: 'X', message: 'elsewhere' });
        },
      },
    );
    kafka.fetch = nothing;
    const began = clock.monotonic();
    await expect(withTime(clock, run())).rejects.toMatchObject({ kind: 'fenced' });
    expect(confirmed).toEqual([10, 10, 10]);
    expect(clock.monotonic() - began).toBeLessThanOrEqual(10_000);
  });

  it('claims again when the counts of its last batch did not reach the ledger', async () => {
    let sends = 0;
    const { kafka, clock, run } = setUp(
      10,
      { start: 0, end: 11 },
      {
        send: async () => {
          sends += 1;
          if (sends > 1) throw new MillraceError({ kind: 'transient', code: 'GONE', message: 'gone' });
          return [];
        },
      },
      {
        apply: async () => [
          {
            ...{ loadId: '0123456789abcdef', part: 0, inserted: 1, updated: 0, unchanged: 0, superseded: 0 },
            ...{ applied: emptyTally(), rejected: emptyTally(), resolved: emptyTally(), throughOffset: 11 },
          },
        ],
      },
    );
    kafka.fetch = async function* (options) {
      yield recordsOf(10, ['0123456789abcdef:1']);
      yield* nothing(options);
    };
    await expect(withTime(clock, run())).rejects.toMatchObject({ code: 'GONE' });
  });
});

describe('truncation while it runs', () => {
  it.each(['halt', 'gap'] as const)(
    'starts over, so that the gap gets on record: %s',
    async (onTruncation) => {
      const { kafka, run } = setUp(10, { start: 0, end: 10 }, { onTruncation });
      kafka.fetch = async function* () {
        yield* [];
        throw new MillraceError({ kind: 'halt', code: 'MR-KAFKA-POSITION-BELOW-START', message: 'gone' });
      };
      await expect(run()).rejects.toMatchObject({
        kind: 'transient',
        code: 'MR-SINK-TRUNCATED-WHILE-RUNNING',
      });
    },
  );
});

describe('what a claim proves', () => {
  it('is not that a batch works which is still to come', async () => {
    const worked: number[] = [];
    const over = { worked: (_partition: number, next: number) => worked.push(next) };
    const { kafka, run } = setUp(10, { start: 0, end: 13 }, over, {
      apply: async () => {
        throw new MillraceError({ kind: 'systemic', code: 'NO', message: 'no' });
      },
    });
    kafka.fetch = async function* () {
      yield recordsOf(10, ['0123456789abcdef:1']);
    };
    await expect(run()).rejects.toMatchObject({ code: 'NO' });
    expect(worked).toEqual([]);
  });

  it('is that all is well when there is nothing to do', async () => {
    const worked: number[] = [];
    const over = { worked: (_partition: number, next: number) => worked.push(next) };
    const { run } = setUp(10, { start: 0, end: 10 }, over);
    await run();
    expect(worked[0]).toBe(10);
  });
});

it('sets replays that are still bad aside again, however many there are', async () => {
  const marks = Array.from({ length: 60 }, (_, i) => `0123456789abcdef:${i + 1}:2:sink.s`);
  const { calls, kafka, stop, events, run } = setUp(
    10,
    { start: 0, end: 70 },
    {},
    {
      check: () => ({ code: 'BAD', message: 'bad' }),
    },
  );
  kafka.fetch = async function* () {
    yield recordsOf(10, marks);
    stop.abort(new Error('enough'));
  };
  await run();
  expect(calls).toEqual(['take over', 'confirm 10', 'apply 10-70', 'release']);
  expect(events).toContainEqual(expect.objectContaining({ type: 'rejected', rows: 60 }));
});
