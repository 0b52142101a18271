import { cataloguedPipeline, type FilePipeline } from '@millrace/config';
import { groupId, LEDGER_DEFINITION, pipelineTopics, topics, transactionalId } from '@millrace/contracts';
import { type ByteBudget, type Clock, partitionFor, type Random } from '@millrace/core';
import type { KafkaClient, PartitionHost, SchemaRegistry, TransactionalProducer } from '@millrace/kafka';
import { createEncoders, type Encoders, Lane, Publisher, Turns } from '@millrace/source-kit';
import { budgeted } from './budgeted-files.ts';
import { PatternMatcher } from './domain/paths.ts';
import type { IngestEvent } from './events.ts';
import type { RemoteFiles } from './ports.ts';
import { Scanner } from './scanner.ts';
import { ServerHealth } from './server-health.ts';
import { startOffset } from './start-offset.ts';
import { readPartitionState } from './state-store.ts';
import { Worker } from './worker.ts';

/** Results are flushed and files archived after this many tasks. */
const TASKS_PER_BATCH = 100;

export interface IngestDeps {
  readonly instance: string;
  readonly kafka: KafkaClient;
  readonly registry: SchemaRegistry;
  readonly files: RemoteFiles;
  readonly byteBudget: ByteBudget;
  readonly clock: Clock;
  readonly random: Random;
  readonly workFolder: string;
  readonly emit: (event: IngestEvent) => void;
  readonly reissueDelayMs?: number;
  readonly archiveRetry?: { readonly delayMs: number; readonly maxDelayMs: number };
}

export interface Ingest {
  readonly host: PartitionHost;
  readonly health: ServerHealth;
  readonly turns: Turns;
  stop(): Promise<void>;
}

/**
 * Remote files → tasks → rows, dead letters and the account in Kafka.
 *
 * The scanner lists the source and issues one task per version of a file. Each task partition has one runner at a
 * time, which reads the files of its tasks and publishes their rows, with progress, in transactions of its own.
 */
export async function startIngest(pipeline: FilePipeline, deps: IngestDeps): Promise<Ingest> {
  const { kafka, registry, files, clock, random, emit } = deps;
  await kafka.ensureTopics([...pipelineTopics(cataloguedPipeline(pipeline)), LEDGER_DEFINITION]);
  const encoders = await createEncoders(registry, pipeline);
  const health = new ServerHealth({ clock, random, emit });
  const turns = new Turns(clock);
  const host: PartitionHost = kafka.host({
    groupId: groupId(deps.instance, 'ingest-sftp', pipeline),
    topic: topics.tasks(pipeline),
    runner: (partition, signal) =>
      runPartition(
        pipeline,
        { ...deps, encoders, health, turns, commit: (next) => host.commitForTools(partition, next) },
        partition,
        signal,
      ),
  });
  return {
    host,
    health,
    turns,
    async stop() {
      await host.stop();
      await files.close();
    },
  };
}

interface RunnerDeps extends IngestDeps {
  readonly encoders: Encoders;
  readonly health: ServerHealth;
  readonly turns: Turns;
  /** For lag tools. */
  readonly commit: (next: number) => void;
}

/** Takes the partition over, finds where it stands, and works until it is lost or something fails. */
async function runPartition(
  pipeline: FilePipeline,
  deps: RunnerDeps,
  partition: number,
  lost: AbortSignal,
): Promise<void> {
  const id = transactionalId(deps.instance, 'ingest-sftp', pipeline, partition);
  const producer = await deps.kafka.takeOver(id, lost);
  const failed = new AbortController();
  const signal = AbortSignal.any([lost, failed.signal]);
  const publishers: Publisher[] = [];
  const lane = new Lane();
  const newPublisher = (): Publisher => {
    const publisher = publisherOn(pipeline, deps, partition, producer, lane);
    publisher.onFailure = (error) => failed.abort(error);
    publishers.push(publisher);
    return publisher;
  };
  const scans = partition === partitionFor(Buffer.from(pipeline.source.name), pipeline.partitions);
  const jobs = [work(pipeline, deps, partition, newPublisher(), signal)];
  if (scans) jobs.push(scan(pipeline, deps, newPublisher(), signal));
  try {
    // The first failure stops the other job; both have ended before the producer is dropped.
    let clean = true;
    const note = (error: unknown): void => {
      clean &&= lost.aborted && error === lost.reason;
      if (!lost.aborted) failed.abort(error);
    };
    await Promise.all(jobs.map((job) => job.catch(note)));
    if (failed.signal.aborted) throw failed.signal.reason;
    // What a job has left in the middle of something is not committed: its successor does it again.
    if (clean) for (const publisher of publishers) await publisher.flush();
  } finally {
    deps.turns.end(`tasks ${partition}`);
    for (const publisher of publishers) publisher.close();
    await producer.close();
  }
}

/** Tasks → files → rows. */
async function work(
  pipeline: FilePipeline,
  deps: RunnerDeps,
  partition: number,
  publisher: Publisher,
  signal: AbortSignal,
): Promise<void> {
  const { kafka, emit, turns, clock, byteBudget } = deps;
  const name = `tasks ${partition}`;
  const cluster = await kafka.clusterId();
  const state = await readPartitionState(kafka, pipeline, partition, signal);
  const from = await startOffset(kafka, pipeline, partition, state.next, cluster, emit);
  const turn = (): void => turns.turn(name);
  const matcher = new PatternMatcher(pipeline.source);
  const files = budgeted(deps.files, { byteBudget, clock, turn });
  const worker = new Worker(
    { ...deps, files, pipeline, partition, publisher, matcher, cluster, turn },
    state,
  );
  emit({ type: 'partition-taken', partition, next: from, resumes: state.progress?.path ?? null });
  if (from > (state.next?.next ?? 0)) worker.closeLost();
  if (state.next?.next !== from) worker.passed(from);
  await worker.tidy(signal);
  const topic = topics.tasks(pipeline);
  const tasks = kafka.fetch({ topic, partition, from, signal, maxRecords: TASKS_PER_BATCH });
  const tidy = async (): Promise<void> => {
    await worker.tidy(signal);
    turns.idle(name);
  };
  for await (const batch of whileWaiting(tasks, () => worker.retryInMs, tidy, deps.clock, signal)) {
    for (const record of batch.records) await worker.work(record, signal);
    worker.passed(batch.nextOffset);
    if (batch.records.length > 0) {
      await publisher.flush();
      await worker.tidy(signal);
      deps.commit(batch.nextOffset);
    }
    turns.idle(name);
  }
}

/** The batches; while the next one is waited for, `chore` runs whenever `dueInMs` says so. */
async function* whileWaiting<T>(
  batches: AsyncIterable<T>,
  dueInMs: () => number | null,
  chore: () => Promise<void>,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const iterator = batches[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = iterator.next();
      // Heard below, possibly after a chore that fails first.
      next.catch(() => undefined);
      for (let ms = dueInMs(); ms !== null && !signal.aborted; ms = dueInMs()) {
        const waiting = new AbortController();
        const due = clock.sleep(ms, AbortSignal.any([signal, waiting.signal])).then(
          () => true,
          () => false,
        );
        const isDue = await Promise.race([due, next.then(() => false)]);
        waiting.abort();
        if (!isDue) break;
        await chore();
      }
      const result = await next;
      if (result.done) return;
      yield result.value;
    }
  } finally {
    // Not waited for: one that still waits for records ends with the signal.
    iterator.return?.()?.catch(() => undefined);
  }
}

/** Source → tasks. */
async function scan(
  pipeline: FilePipeline,
  deps: RunnerDeps,
  publisher: Publisher,
  signal: AbortSignal,
): Promise<void> {
  const { turns } = deps;
  const matcher = new PatternMatcher(pipeline.source);
  const turn = (busy: boolean): void => (busy ? turns.turn('scanner') : turns.idle('scanner'));
  try {
    await new Scanner({ ...deps, pipeline, publisher, matcher, turn }).run(signal);
  } finally {
    turns.end('scanner');
  }
}

function publisherOn(
  pipeline: FilePipeline,
  deps: RunnerDeps,
  partition: number,
  producer: TransactionalProducer,
  lane: Lane,
): Publisher {
  const { kafka, encoders, clock, emit } = deps;
  const publisher = new Publisher({
    pipeline,
    partition,
    producer,
    lane,
    encoders,
    newOutbox: () => kafka.newOutbox(),
    clock,
  });
  publisher.onCommitted = (rows, ms) => emit({ type: 'committed', rows, ms });
  return publisher;
}
