import type { Pipeline } from '@millrace/config';
import {
  LEDGER_PARTITIONS,
  LEDGER_TOPIC,
  ledgerKey,
  ledgerName,
  MarkReader,
  topics,
  transactionalId,
} from '@millrace/contracts';
import { type ByteBudget, type Clock, crashPoint, MillraceError, partitionFor } from '@millrace/core';
import type { FetchedBatch, KafkaClient, Outbox, TransactionalProducer, WireEncoder } from '@millrace/kafka';
import { DedupeMemory } from '../../domain/dedupe-memory.ts';
import { LoadAccounts, loadKey } from '../../domain/load-accounts.ts';
import { startingPosition } from '../../domain/position.ts';
import type { TransformEvent } from '../../events.ts';
import type { BatchSummary, PartitionMemory, TransformPipeline } from '../../pipeline.ts';
import type { RawReader } from '../../ports.ts';
import { KafkaBatchWriter, type WriterParts } from './batch-writer.ts';
import type { Progress } from './progress.ts';
import { addChanges, addGap, addPosition, restoreState } from './state-topic.ts';

export interface RunnerDeps {
  readonly pipeline: Pipeline;
  readonly instance: string;
  readonly kafka: KafkaClient;
  readonly clock: Clock;
  readonly byteBudget: ByteBudget;
  readonly transform: TransformPipeline;
  readonly reader: RawReader;
  readonly writer: WriterParts;
  readonly ledger: WireEncoder;
  readonly emit: (event: TransformEvent) => void;
  /** For lag tools only. */
  readonly committed: (partition: number, next: number) => void;
  readonly progress: Progress;
}

/** A batch in memory: as fetched, its outputs, its share of the decoded records. */
const MEMORY_PER_FETCHED_BYTE = 4;

/**
 * One partition of the raw topic, from takeover until the signal aborts. It ends with an error at anything that
 * leaves the outcome of a transaction open; the next run takes over and reads the state again.
 */
export class PartitionRun {
  readonly #deps: RunnerDeps;
  readonly #partition: number;
  readonly #stateTopic: string;
  readonly #memory: PartitionMemory;
  readonly #writer: KafkaBatchWriter;
  readonly #outbox: Outbox;
  readonly #clusterId: string;

  private constructor(deps: RunnerDeps, partition: number, clusterId: string) {
    const { pipeline, kafka, clock } = deps;
    const { dedupe, outputs } = pipeline.transform;
    this.#deps = deps;
    this.#partition = partition;
    this.#clusterId = clusterId;
    this.#stateTopic = topics.state(pipeline, 'transform');
    this.#memory = {
      accounts: new LoadAccounts(outputs.map((output) => output.name)),
      dedupe: dedupe === null ? null : new DedupeMemory(dedupe.windowMs, () => clock.now()),
      marks: new MarkReader(),
    };
    this.#writer = new KafkaBatchWriter(deps.writer, partition, kafka.newOutbox());
    this.#outbox = kafka.newOutbox();
  }

  static async run(deps: RunnerDeps, partition: number, signal: AbortSignal): Promise<void> {
    const { instance, kafka, pipeline, progress } = deps;
    const begin = progress.begin();
    let producer: TransactionalProducer | null = null;
    try {
      const id = transactionalId(instance, 'transformer', pipeline, partition);
      producer = await kafka.takeOver(id, signal);
      begin.turn();
      const run = new PartitionRun(deps, partition, await kafka.clusterId());
      const next = await run.#begin(producer, begin.turn, signal);
      begin.end();
      await run.#loop(producer, next, signal);
    } finally {
      begin.end();
      await producer?.close();
    }
  }

  /** Restores the memory from state and decides where to go on. */
  async #begin(producer: TransactionalProducer, turn: () => void, signal: AbortSignal): Promise<number> {
    const { pipeline, kafka, clock, emit } = this.#deps;
    const began = clock.monotonic();
    const partition = this.#partition;
    const stored = await restoreState(kafka, this.#stateTopic, partition, this.#memory, turn, signal);
    turn();
    const log = await kafka.offsets(topics.raw(pipeline), partition);
    const world = {
      layout: pipeline.layoutHash,
      clusterId: this.#clusterId,
      start: log.start,
      end: log.highWatermark,
    };
    const { next, gap } = startingPosition(stored, world, pipeline.transform.onTruncation);
    if (gap !== null) {
      addGap(this.#outbox, this.#stateTopic, partition, gap, clock.now());
      addPosition(this.#outbox, this.#stateTopic, partition, this.#position(next));
      await producer.send(this.#outbox);
      await producer.commit();
      this.#outbox.clear();
      emit({ type: 'gap', partition, ...gap });
    }
    emit({
      type: 'taken-over',
      partition,
      next,
      loads: this.#memory.accounts.held,
      dedupeChunks: this.#memory.dedupe?.chunks ?? 0,
      dedupeBytes: this.#memory.dedupe?.bytes ?? 0,
      ms: Math.round(clock.monotonic() - began),
    });
    return next;
  }

  async #loop(producer: TransactionalProducer, from: number, signal: AbortSignal): Promise<void> {
    const { pipeline, kafka, byteBudget, progress } = this.#deps;
    const partition = this.#partition;
    try {
      for await (const batch of kafka.fetch({ topic: topics.raw(pipeline), partition, from, signal })) {
        const release = await byteBudget.take(batch.bytes * MEMORY_PER_FETCHED_BYTE, signal);
        const work = progress.begin();
        try {
          await this.#transact(producer, batch);
        } finally {
          work.end();
          release();
        }
        if (signal.aborted) return;
      }
    } catch (error) {
      throw truncatedWhileRunning(error) ?? error;
    }
  }

  /** One batch, one transaction. A batch without records moves `next` past markers (ADR 0008, case 9). */
  async #transact(producer: TransactionalProducer, batch: FetchedBatch): Promise<void> {
    const { clock, transform, reader, committed } = this.#deps;
    const began = clock.monotonic();
    await reader.prepare(batch.records);
    this.#memory.dedupe?.beginBatch();
    const summary = transform.run(batch, this.#memory, this.#writer);
    if (this.#writer.outbox.count > 0) this.#writer.settle(await producer.send(this.#writer.outbox));
    crashPoint('transform.after-send');
    const dropped = this.#addState(batch);
    await producer.send(this.#outbox);
    crashPoint('transform.before-commit');
    await producer.commit();
    crashPoint('transform.after-commit');
    committed(this.#partition, batch.nextOffset);
    this.#report(batch, summary, (clock.monotonic() - began) / 1000, dropped);
    this.#writer.clear();
    this.#outbox.clear();
  }

  /** State and ledger of this batch. Returns how many loads were dropped as idle. */
  #addState(batch: FetchedBatch): number {
    const { clock, ledger, pipeline } = this.#deps;
    const { accounts, dedupe } = this.#memory;
    const { touched, dropped } = accounts.takeChanges(clock.now());
    const changes = [
      ...touched.map((part) => accounts.stateOf(part)),
      ...dropped.map((part) => ({ key: loadKey(part), value: null })),
    ];
    addPosition(this.#outbox, this.#stateTopic, this.#partition, this.#position(batch.nextOffset));
    addChanges(this.#outbox, this.#stateTopic, this.#partition, changes);
    if (dedupe !== null) addChanges(this.#outbox, this.#stateTopic, this.#partition, dedupe.takeChanges());
    for (const part of touched) {
      const entry = accounts.ledgerOf(ledgerName(pipeline), this.#partition, part);
      const key = Buffer.from(ledgerKey(entry));
      this.#outbox.add(LEDGER_TOPIC, partitionFor(key, LEDGER_PARTITIONS), key, ledger.encode(entry));
    }
    return dropped.length;
  }

  #position(next: number) {
    return {
      next,
      layout: this.#deps.pipeline.layoutHash,
      clusterId: this.#clusterId,
      time: this.#memory.dedupe?.streamTime ?? 0,
    };
  }

  #report(batch: FetchedBatch, summary: BatchSummary, seconds: number, dropped: number): void {
    const { emit, pipeline } = this.#deps;
    const partition = this.#partition;
    const counts = this.#writer.counts();
    const outputs = Object.fromEntries(
      pipeline.transform.outputs.map((output, i) => [output.name, counts[i] ?? 0]),
    );
    const lag = Math.max(0, batch.highWatermark - batch.nextOffset);
    emit({ type: 'batch-committed', partition, seconds, lag, outputs, ...summary });
    if (summary.unmarked > 0)
      emit({
        type: 'unmarked-records',
        partition,
        records: summary.unmarked,
        from: batch.records[0]?.offset ?? 0,
      });
    if (dropped > 0) emit({ type: 'loads-dropped', partition, loads: dropped });
  }
}

/** The next run finds out how much was deleted under our feet, and records the gap or halts. */
function truncatedWhileRunning(error: unknown): MillraceError | null {
  if (!(error instanceof MillraceError) || error.code !== 'MR-KAFKA-POSITION-BELOW-START') return null;
  return new MillraceError({
    kind: 'transient',
    code: 'MR-TRANSFORM-TRUNCATED-WHILE-RUNNING',
    message: 'input was deleted before it was read; starting again to see how much',
    cause: error,
  });
}
