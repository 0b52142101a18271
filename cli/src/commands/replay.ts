import type { Pipeline } from '@millrace/config';
import { type DeadLetter, type IngestCounts, ledgerName, TASK_SCHEMA, topics } from '@millrace/contracts';
import { MillraceError } from '@millrace/core';
import {
  type AvroSchema,
  createWireEncoder,
  type KafkaClient,
  type Outbox,
  type SchemaRegistry,
  type WireEncoder,
} from '@millrace/kafka';
import {
  planReplay,
  type ReplayPlan,
  type ReplayStep,
  type ReplayTopics,
} from '../dead-letters/replay-plan.ts';
import { missingKeys, type Selection, select } from '../dead-letters/selection.ts';
import type { Session } from '../session/session.ts';
import { formatCount, plural } from '../text/quantity.ts';
import { type Column, table } from '../text/table.ts';
import type { Folded } from '../topics/fold.ts';
import { readDeadLetters, readLedger } from '../topics/own-records.ts';

/** Letters in one transaction; each is two records. */
const STEPS_PER_TRANSACTION_MAX = 1_000;
/** Originals are up to 256 KiB each: bytes bound a transaction as well. */
const BYTES_PER_TRANSACTION_MAX = 8 * 1024 * 1024;

export interface ReplayOptions extends Selection {
  readonly pipeline?: string;
  /** Show what would be done and do nothing. */
  readonly plan: boolean;
}

/**
 * `millrace dead-letters replay`: sends letters back to the input of the stage that rejected them. Record and
 * tombstone of a letter are one transaction (ADR 0003), so a letter is replayed once however often this is run.
 */
export async function replay(session: Session, options: ReplayOptions): Promise<void> {
  const pipelines =
    options.pipeline === undefined ? session.pipelines() : [session.pipeline(options.pipeline)];
  const results: PipelineReplay[] = [];
  for (const pipeline of pipelines) results.push(await replayPipeline(session, pipeline, options));
  report(session, results, options);
  const keys = options.keys ?? [];
  const missing = missingKeys(
    results.flatMap(({ letters }) => letters),
    keys,
  );
  if (missing.length > 0) {
    throw new MillraceError({
      kind: 'config',
      code: 'MR-CLI-NO-DEAD-LETTER',
      message: `there is no dead letter ${missing.map((key) => `"${key}"`).join(', ')}`,
      remedy: '`millrace dead-letters ls` shows the keys; a replayed one is gone.',
    });
  }
}

interface PipelineReplay {
  readonly pipeline: Pipeline;
  readonly letters: readonly Folded<DeadLetter>[];
  readonly plan: ReplayPlan;
}

async function replayPipeline(
  session: Session,
  pipeline: Pipeline,
  options: ReplayOptions,
): Promise<PipelineReplay> {
  const kafka = await session.kafka();
  const registry = session.ownRegistry();
  const { signal } = session;
  // Another replay of this pipeline may be under way: taking over ends it before the letters are read, so that
  // what it has sent is gone from them and what it has not sent is in them.
  const producer = options.plan
    ? null
    : await kafka.takeOver(replayTransactionalId(session.environment.instance, pipeline), signal);
  try {
    const letters = await readDeadLetters(kafka, registry, topics.deadLetters(pipeline), signal);
    const chosen = select(letters, options);
    const files = chosen.length === 0 ? new Map() : await filesOfLoads(kafka, registry, pipeline, signal);
    const plan = planReplay(chosen, replayTopics(pipeline), (loadId) => files.get(loadId), session.now());
    if (producer && plan.steps.length > 0) {
      const encoder = await taskEncoder(registry, pipeline, plan.steps);
      for (const outbox of transactions(kafka, pipeline, plan.steps, encoder)) {
        await producer.send(outbox);
        await producer.commit();
        signal.throwIfAborted();
      }
    }
    return { pipeline, letters, plan };
  } finally {
    await producer?.close();
  }
}

/** One replay of a pipeline at a time: the later takes over from the earlier. */
export function replayTransactionalId(instance: string, { name, generation }: Pipeline): string {
  return `millrace.${instance}.cli.replay.${generation > 1 ? `${name}.g${generation}` : name}`;
}

function replayTopics(pipeline: Pipeline): ReplayTopics {
  return {
    tasks: topics.tasks(pipeline),
    raw: topics.raw(pipeline),
    outputOfSink: new Map(pipeline.sinks.map(({ name, output }) => [name, topics.output(pipeline, output)])),
    partitions: pipeline.partitions,
  };
}

async function filesOfLoads(
  kafka: KafkaClient,
  registry: SchemaRegistry,
  pipeline: Pipeline,
  signal: AbortSignal,
): Promise<Map<string, IngestCounts>> {
  const entries = await readLedger(kafka, registry, signal);
  return new Map(
    entries.flatMap((entry) =>
      entry.pipeline === ledgerName(pipeline) && entry.ingest ? [[entry.loadId, entry.ingest] as const] : [],
    ),
  );
}

/** Only when there are tasks to encode: a pipeline without any must not need their schema. */
async function taskEncoder(
  registry: SchemaRegistry,
  pipeline: Pipeline,
  steps: readonly ReplayStep[],
): Promise<WireEncoder | null> {
  if (!steps.some(({ value }) => value.kind === 'task')) return null;
  return createWireEncoder(registry, topics.tasks(pipeline), TASK_SCHEMA as unknown as AvroSchema);
}

/** Filled outboxes of one transaction each, one at a time. */
function* transactions(
  kafka: KafkaClient,
  pipeline: Pipeline,
  steps: readonly ReplayStep[],
  encoder: WireEncoder | null,
): Generator<Outbox> {
  const outbox = kafka.newOutbox();
  let held = 0;
  for (const { letter, topic, partition, key, value, headers } of steps) {
    const bytes = value.kind === 'bytes' ? value.bytes : (encoder?.encode(value.task) ?? null);
    outbox.add(topic, partition, key, bytes, headers);
    outbox.add(topics.deadLetters(pipeline), letter.partition, letter.key, null);
    held += 1;
    if (held < STEPS_PER_TRANSACTION_MAX && outbox.bytes < BYTES_PER_TRANSACTION_MAX) continue;
    yield outbox;
    outbox.clear();
    held = 0;
  }
  if (held > 0) yield outbox;
}

function report(session: Session, results: readonly PipelineReplay[], options: ReplayOptions): void {
  const { output } = session;
  const steps = results.flatMap(({ plan }) => plan.steps);
  const refusals = results.flatMap(({ plan }) => plan.refusals);
  if (output.json) {
    output.document({
      planned: options.plan,
      replayed: steps.map(({ letter, topic, partition }) => ({ key: letter.key, topic, partition })),
      refused: refusals.map(({ letter, reason }) => ({ key: letter.key, reason })),
    });
    return;
  }
  const columns: Column<{ pipeline: string; topic: string; n: number }>[] = [
    { title: 'PIPELINE', text: ({ pipeline }) => pipeline },
    { title: options.plan ? 'WOULD GO TO' : 'SENT TO', text: ({ topic }) => topic },
    { title: 'RECORDS', align: 'right', text: ({ n }) => formatCount(n) },
  ];
  if (steps.length > 0) output.lines([...table(byTopic(results), columns, output.style), '']);
  for (const { letter, reason } of refusals) output.line(`not replayed: ${letter.key}: ${reason}`);
  const verb = options.plan ? 'would be replayed; nothing was changed' : 'replayed';
  output.line(
    `${plural(steps.length, 'dead letter')} ${verb}${refusals.length > 0 ? `, ${refusals.length} not` : ''}`,
  );
  if (options.plan && steps.length > 0) output.note('leave --plan out to do it');
}

function byTopic(results: readonly PipelineReplay[]): { pipeline: string; topic: string; n: number }[] {
  return results.flatMap(({ pipeline, plan }) => {
    const counts = new Map<string, number>();
    for (const { topic } of plan.steps) counts.set(topic, (counts.get(topic) ?? 0) + 1);
    return [...counts].map(([topic, n]) => ({ pipeline: pipeline.name, topic, n }));
  });
}
