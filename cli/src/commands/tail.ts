import { MillraceError } from '@millrace/core';
import type { FetchedBatch, KafkaClient } from '@millrace/kafka';
import type { Session } from '../session/session.ts';
import { RecordReader } from '../topics/decode.ts';
import { partitionsOf } from '../topics/fold.ts';
import { recordJson, recordLine, subjectOf } from '../topics/present.ts';
import { compileWhere, type Where } from '../values/where.ts';

export type TailFrom = 'beginning' | 'latest' | number;

export interface TailOptions {
  readonly where?: string;
  readonly from: TailFrom;
  /** Stop after so many records that match. */
  readonly limit?: number;
  readonly partition?: number;
  /** Wait for more at the end; otherwise stop there. */
  readonly follow: boolean;
}

/** Shows the records of a topic as they are, decoded, until the limit, the end or Ctrl-C. */
export async function tail(session: Session, topic: string, options: TailOptions): Promise<void> {
  const where = options.where === undefined ? null : compileWhere(options.where);
  const kafka = await session.kafka();
  const partitions = await wantedPartitions(kafka, topic, options.partition);
  if (options.from === 'latest' && options.follow) {
    session.output.note(`waiting for new records of ${topic}; --from beginning shows what is there`);
  }
  const stop = new AbortController();
  const signal = AbortSignal.any([session.signal, stop.signal]);
  const show = printer(session, topic, where, options.limit ?? Number.POSITIVE_INFINITY, stop);
  const readers = partitions.map(async (partition) => {
    const from = await startOf(kafka, topic, partition, options.from);
    const batches = options.follow
      ? kafka.fetch({ topic, partition, from, signal })
      : kafka.readToEnd(topic, partition, { from, signal });
    for await (const batch of batches) await show(batch);
  });
  await settle(readers, stop);
}

/** Waits for all; the first that fails ends the others. Being stopped is no failure. */
async function settle(readers: readonly Promise<void>[], stop: AbortController): Promise<void> {
  const failures: unknown[] = [];
  await Promise.all(
    readers.map((reader) =>
      reader.catch((thrown: unknown) => {
        if (!(thrown instanceof Error && thrown.name === 'AbortError')) failures.push(thrown);
        stop.abort();
      }),
    ),
  );
  if (failures.length > 0) throw failures[0];
}

/** One batch at a time, whichever partition it comes from: lines stay whole and the limit is exact. */
function printer(
  session: Session,
  topic: string,
  where: Where | null,
  limit: number,
  stop: AbortController,
): (batch: FetchedBatch) => Promise<void> {
  const { output } = session;
  const reader = new RecordReader(session.exactRegistry());
  let left = limit;
  let turn: Promise<void> = Promise.resolve();
  const print = async (batch: FetchedBatch): Promise<void> => {
    for (const record of batch.records) {
      if (left <= 0 || session.signal.aborted) return;
      const seen = await reader.read(topic, batch.partition, record);
      if (where && !where(subjectOf(seen))) continue;
      if (output.json) output.record(recordJson(seen));
      else output.line(recordLine(seen, output.style));
      left -= 1;
      if (left <= 0) stop.abort();
    }
  };
  return (batch) => {
    turn = turn.then(() => print(batch));
    return turn;
  };
}

async function wantedPartitions(
  kafka: KafkaClient,
  topic: string,
  partition: number | undefined,
): Promise<number[]> {
  const all = await partitionsOf(kafka, topic);
  if (all.length === 0) {
    throw new MillraceError({
      kind: 'config',
      code: 'MR-CLI-NO-TOPIC',
      message: `there is no topic "${topic}"`,
      remedy: '`millrace status` names the topics of each pipeline.',
    });
  }
  if (partition === undefined) return all;
  if (all.includes(partition)) return [partition];
  throw new MillraceError({
    kind: 'config',
    code: 'MR-CLI-NO-PARTITION',
    message: `topic "${topic}" has no partition ${partition}`,
    remedy: `It has partitions 0 to ${all.length - 1}.`,
  });
}

/** A wish beyond what the log still has, or has yet, becomes its nearest end. */
async function startOf(
  kafka: KafkaClient,
  topic: string,
  partition: number,
  from: TailFrom,
): Promise<number> {
  const { start, highWatermark } = await kafka.offsets(topic, partition);
  if (from === 'beginning') return start;
  if (from === 'latest') return highWatermark;
  return Math.min(Math.max(from, start), highWatermark);
}
