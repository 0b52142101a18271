import { MarkReader } from '@millrace/contracts';
import {
  asMillraceError,
  type ByteBudget,
  type Clock,
  crashPoint,
  MillraceError,
  type RecordValue,
} from '@millrace/core';
import type { FetchedBatch, KafkaClient, PartitionOffsets, WireDecoder, WireEncoder } from '@millrace/kafka';
import { accountRun } from './account.ts';
import type { DeadLetterWriter } from './dead-letters.ts';
import type { SinkEvent } from './events.ts';
import { FencedPublisher } from './fenced-publisher.ts';
import { LedgerPublisher } from './ledger.ts';
import type { LoadCounts, SinkSession, SinkTarget } from './port.ts';
import { gapBefore, truncated } from './position.ts';
import type { Progress, Work } from './progress.ts';
import { prepareSchemas, type Reject, type Run, splitRuns } from './runs.ts';
import type { Tolerance } from './tolerance.ts';

/** What all partitions of a sink share. */
export interface SinkParts {
  /** As the ledger calls it. */
  readonly pipeline: string;
  /** `sink.<name>`. */
  readonly stage: string;
  readonly output: string;
  readonly topic: string;
  readonly transactionalId: (partition: number) => string;
  readonly layoutHash: string;
  readonly owner: string;
  readonly onTruncation: 'halt' | 'gap';
  readonly batchRecordsMax: number;
  readonly kafka: Pick<KafkaClient, 'clusterId' | 'offsets' | 'fetch' | 'newOutbox' | 'takeOver'>;
  readonly target: SinkTarget;
  readonly decoder: WireDecoder<RecordValue>;
  readonly ledgerEncoder: WireEncoder;
  readonly deadLetters: DeadLetterWriter;
  readonly tolerance: Tolerance;
  readonly byteBudget: ByteBudget;
  readonly progress: Progress;
  readonly clock: Clock;
  readonly emit: (event: SinkEvent) => void;
  /** A batch is in the target: for lag tools and for the trouble that may be over. */
  readonly worked: (partition: number, next: number) => void;
}

/** A batch in memory: as fetched, decoded (small rows are mostly objects), encoded for the target. */
const MEMORY_PER_FETCHED_BYTE = 10;
/** After so many probes of one run something else than its rows is changing. */
const PROBES_MAX = 3;
/** For the ledger, when the runner has to go. */
const FAREWELL_MS = 10_000;
/** How often an idle partition asks whether it was rewound, lost, or cut off from the target. */
const IDLE_CHECK_MS = 3_000;
/** A leader that was just elected may not know the end of its log yet. */
const TRAILING_MS = 5_000;
const TRAILING_STEP_MS = 250;

/** One partition of an output, from claim until the signal aborts: fetch → runs → stage → apply (ADR 0009). */
export class PartitionSink {
  readonly #parts: SinkParts;
  readonly #partition: number;
  readonly #session: SinkSession;
  readonly #publisher: FencedPublisher;
  readonly #ledger: LedgerPublisher;
  readonly #signal: AbortSignal;
  readonly #marks = new MarkReader();
  #work: Work | null = null;
  #next: number;

  private constructor(
    parts: SinkParts,
    partition: number,
    session: SinkSession,
    publisher: FencedPublisher,
    signal: AbortSignal,
  ) {
    this.#parts = parts;
    this.#partition = partition;
    this.#session = session;
    this.#publisher = publisher;
    const options = { ...parts, partition, encoder: parts.ledgerEncoder };
    this.#ledger = new LedgerPublisher(publisher, options, session.position.ledgerThrough);
    this.#signal = signal;
    this.#next = session.position.next;
  }

  static async run(parts: SinkParts, partition: number, signal: AbortSignal): Promise<void> {
    const { kafka, target, topic, clock, owner, layoutHash } = parts;
    const began = clock.monotonic();
    const [clusterId, log] = await Promise.all([kafka.clusterId(), kafka.offsets(topic, partition)]);
    const request = { topic, partition, owner, clusterId, layoutHash, logStart: log.start };
    const session = await target.claim(request, signal);
    let publisher: FencedPublisher | null = null;
    try {
      publisher = await FencedPublisher.open(kafka, parts.transactionalId(partition), signal);
      // Still the latest claim: then nobody but a later one can fence this publisher, and no earlier one can speak.
      await session.confirm(session.position.next);
      const sink = new PartitionSink(parts, partition, session, publisher, signal);
      await sink.#begin(began, log.start);
      await sink.#loop();
      await sink.#farewell();
    } finally {
      await publisher?.close();
      await session.release();
    }
  }

  /** What is in the target shall be in the ledger before we go; what does not get there, the next claim publishes. */
  async #farewell(): Promise<void> {
    const flushed = new AbortController();
    const late = this.#parts.clock.sleep(FAREWELL_MS, flushed.signal).catch(() => undefined);
    await Promise.race([this.#ledger.flush().finally(() => flushed.abort()), late]);
  }

  /** Publishes what the ledger lacks and settles where to go on. */
  async #begin(began: number, logStart: number): Promise<void> {
    const { clock, emit, onTruncation, worked } = this.#parts;
    const { startOffset } = this.#session.position;
    await this.#ledger.start(startOffset);
    const unpublished = await this.#session.unpublished();
    this.#ledger.publish(unpublished, throughOf(unpublished));
    // Read again: retention may have moved on while we waited for the claim.
    const log = await this.#logBounds();
    const gap = gapBefore({ next: this.#next }, { ...log, start: Math.max(log.start, logStart) });
    if (gap !== null) {
      await this.#session.recordGap(gap.from, gap.to);
      if (onTruncation === 'halt') throw truncated(gap);
      await this.#skip(gap.to);
      emit({ type: 'gap', partition: this.#partition, ...gap });
    }
    // With something to read, only that shows whether it works again.
    if (this.#next >= log.lastStable) worked(this.#partition, this.#next);
    emit({
      type: 'claimed',
      partition: this.#partition,
      next: this.#next,
      startOffset,
      republished: unpublished.length,
      ms: Math.round(clock.monotonic() - began),
    });
  }

  async #logBounds(): Promise<PartitionOffsets> {
    const { kafka, topic, clock } = this.#parts;
    const deadline = clock.monotonic() + TRAILING_MS;
    for (;;) {
      const log = await kafka.offsets(topic, this.#partition);
      if (this.#next <= log.highWatermark || clock.monotonic() >= deadline) return log;
      await clock.sleep(TRAILING_STEP_MS, this.#signal);
    }
  }

  async #loop(): Promise<void> {
    const { kafka, topic, batchRecordsMax } = this.#parts;
    const signal = this.#signal;
    const left = new AbortController();
    const batches = kafka
      .fetch({
        topic,
        partition: this.#partition,
        from: this.#next,
        maxRecords: batchRecordsMax,
        signal: AbortSignal.any([signal, left.signal]),
      })
      [Symbol.asyncIterator]();
    try {
      for (;;) {
        const arrived = await this.#arrival(batches.next());
        if (arrived.done) return;
        await this.#takeIn(arrived.value);
        if (signal.aborted) return;
      }
    } catch (error) {
      if (signal.aborted && error === signal.reason) return;
      throw truncatedWhileRunning(error);
    } finally {
      // A fetch that still waits would never end by itself.
      left.abort();
      await batches.return?.();
    }
  }

  /** The next batch. While there is none, makes sure every few seconds that the target and the ledger are as we think. */
  async #arrival<T>(next: Promise<T>): Promise<T> {
    for (;;) {
      const arrived = new AbortController();
      const idle = this.#parts.clock.sleep(IDLE_CHECK_MS, arrived.signal).then(
        () => null,
        () => null,
      );
      const first = await Promise.race([next, idle]).finally(() => arrived.abort());
      if (first !== null) return first;
      this.#ledger.check();
      await this.#session.confirm(this.#next);
    }
  }

  async #takeIn(batch: FetchedBatch): Promise<void> {
    const { byteBudget, progress } = this.#parts;
    const release = await byteBudget.take(batch.bytes * MEMORY_PER_FETCHED_BYTE, this.#signal);
    this.#work = progress.begin();
    try {
      await this.#batch(batch);
    } finally {
      this.#work.end();
      release();
    }
  }

  async #batch(batch: FetchedBatch): Promise<void> {
    const { decoder, stage, worked } = this.#parts;
    await prepareSchemas(decoder, batch);
    const splitter = { stage, marks: this.#marks, decoder, check: this.#session.check };
    const runs = splitRuns(splitter, batch, this.#next, this.#session.position.countedThrough);
    for (const run of runs) {
      await this.#run(run, batch.highWatermark);
      if (this.#signal.aborted) break;
    }
    // Nothing but markers: passed as well, or retention would seem to have deleted what was never read.
    if (runs.length === 0 && batch.nextOffset > this.#next) await this.#skip(batch.nextOffset);
    worked(this.#partition, this.#next);
  }

  /** One run, one transaction. Dead letters are acknowledged before it, counts reach the ledger after it. */
  async #run(run: Run, highWatermark: number): Promise<void> {
    const { clock, tolerance, emit } = this.#parts;
    const began = clock.monotonic();
    const total = run.rows.length + run.rejects.length;
    let rows = run.rows;
    let rejects: readonly Reject[] = run.rejects;
    let setAside = 0;
    let probes = 0;
    for (;;) {
      this.#work?.turned();
      // What was set aside before and is sent again may go back: that is no news about the world.
      if (!run.replayed) {
        tolerance.check(
          total,
          rejects.map((reject) => reject.reason),
        );
      }
      if (rejects.length > setAside) await this.#setAside(rejects.slice(setAside));
      setAside = rejects.length;
      await this.#session.stage(rows);
      this.#work?.turned();
      crashPoint('sink.after-stage');
      const applying = clock.monotonic();
      try {
        await this.#apply(run, rows, rejects);
      } catch (error) {
        if (asMillraceError(error).kind !== 'data' || probes === PROBES_MAX) throw unstable(error);
        probes += 1;
        this.#work?.turned();
        const limit = run.replayed ? rows.length : tolerance.left(total) - rejects.length;
        const bad = await this.#session.probe(Math.max(0, limit));
        // None: what was wrong was mended between the two. Trying again settles it.
        if (bad.length === 0) continue;
        const reasons = new Map(bad.map((one) => [one.ord, one.reason]));
        const found = rows.flatMap((row) => {
          const reason = reasons.get(row.ord);
          return reason === undefined ? [] : [{ record: row.record, mark: row.mark, reason }];
        });
        rejects = [...rejects, ...found];
        rows = rows.filter((row) => !reasons.has(row.ord));
        continue;
      }
      if (!run.replayed) tolerance.add(total, rejects.length);
      emit({
        type: 'applied',
        partition: this.#partition,
        rows: rows.length,
        rejected: rejects.length,
        counting: run.counting,
        lag: Math.max(0, highWatermark - this.#next),
        seconds: (clock.monotonic() - began) / 1_000,
        applySeconds: (clock.monotonic() - applying) / 1_000,
      });
      return;
    }
  }

  async #apply(run: Run, rows: Run['rows'], rejects: readonly Reject[]): Promise<void> {
    const loads = accountRun(run.counting, rows, rejects);
    const advance = { from: this.#next, to: run.to, counting: run.counting, loads };
    crashPoint('sink.before-commit');
    const counts = await this.#session.apply({ ...advance, ledgerThrough: this.#ledger.through });
    crashPoint('sink.after-commit');
    this.#next = run.to;
    this.#ledger.publish(counts, run.to);
  }

  async #setAside(rejects: readonly Reject[]): Promise<void> {
    const { deadLetters, emit } = this.#parts;
    await deadLetters.write(this.#publisher, this.#partition, rejects);
    crashPoint('sink.after-dead-letters');
    const reasons: Record<string, number> = {};
    for (const { reason } of rejects) reasons[reason.code] = (reasons[reason.code] ?? 0) + 1;
    emit({
      type: 'rejected',
      partition: this.#partition,
      rows: rejects.length,
      firstOffset: rejects[0]?.record.offset ?? this.#next,
      reasons,
    });
  }

  async #skip(to: number): Promise<void> {
    await this.#session.skip({ from: this.#next, to, ledgerThrough: this.#ledger.through });
    this.#next = to;
  }
}

function throughOf(counts: readonly LoadCounts[]): number {
  return counts.reduce((through, one) => Math.max(through, one.throughOffset), 0);
}

/** A batch that fails as a whole while each row of it is well, or whose rows keep turning bad. */
function unstable(error: unknown): unknown {
  const { kind, message } = asMillraceError(error);
  if (kind !== 'data') return error;
  return new MillraceError({
    kind: 'systemic',
    code: 'MR-SINK-UNSTABLE-BATCH',
    message: `a batch fails, but not because of any one row: ${message}`,
    remedy:
      'Look for triggers, deferred constraints or other writers of the table; the sink tries again by itself.',
  });
}

/** The next run finds the position below the log's start, records the gap, and halts or goes on behind it. */
function truncatedWhileRunning(error: unknown): unknown {
  if (asMillraceError(error).code !== 'MR-KAFKA-POSITION-BELOW-START') return error;
  return new MillraceError({
    kind: 'transient',
    code: 'MR-SINK-TRUNCATED-WHILE-RUNNING',
    message: 'the topic was truncated while it was read: starting over to record the gap',
    cause: error,
  });
}
