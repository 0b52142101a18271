import { asMillraceError, type MillraceError } from '@millrace/core';
import type { Cluster } from '../cluster/cluster.ts';
import { LIMITS } from '../limits.ts';
import { NO_PRODUCER } from '../protocol/batch-encoder.ts';
import { KafkaCode, kafkaError } from '../protocol/error-codes.ts';
import { type ProducePartition, type ProducePartitionAnswer, produceCall } from '../protocol/produce.ts';
import type { ProduceAck } from '../types.ts';
import type { BatchOutbox, Pending } from './outbox.ts';

const LANE = 'produce/plain';

/**
 * See `KafkaClient.produce`: acks=all, each partition retried for itself until its deadline. A batch whose answer
 * was lost is sent again, so records can be doubled; they have to fold by key.
 */
export async function plainProduce(
  cluster: Cluster,
  outbox: BatchOutbox,
  signal: AbortSignal,
): Promise<readonly ProduceAck[]> {
  const deadline = cluster.clock.monotonic() + LIMITS.plainProduceMs;
  const acks: ProduceAck[] = [];
  const pending = outbox.pending();
  const rounds = Math.max(0, ...pending.map((p) => p.batches.length));
  for (let round = 0; round < rounds; round += 1) {
    let left = pending.filter((p) => p.batches.length > round);
    for (const backoff = cluster.backoff(); left.length > 0; ) {
      signal.throwIfAborted();
      const failed = await sendRound(cluster, left, round, acks);
      left = failed.map(({ of }) => of);
      const error = failed.find(({ error }) => error.kind !== 'transient') ?? failed[0];
      if (!error) continue;
      if (error.error.kind !== 'transient' || cluster.clock.monotonic() >= deadline) {
        outbox.abandonSlabs();
        throw error.error;
      }
      for (const { topic } of left) cluster.invalidate(topic);
      await cluster.clock.sleep(backoff.next(), signal);
    }
  }
  return acks;
}

interface Failed {
  readonly of: Pending;
  readonly error: MillraceError;
}

/** Sends one batch of each partition, grouped by leader; returns the partitions that were not acknowledged. */
async function sendRound(
  cluster: Cluster,
  pending: readonly Pending[],
  round: number,
  acks: ProduceAck[],
): Promise<Failed[]> {
  const failed: Failed[] = [];
  const byLeader = new Map<number, Pending[]>();
  for (const of of pending) {
    try {
      const leader = await cluster.leader(of.topic, of.partition);
      byLeader.set(leader, [...(byLeader.get(leader) ?? []), of]);
    } catch (error) {
      failed.push({ of, error: asMillraceError(error) });
    }
  }
  const sends = [...byLeader].map(async ([leader, group]) => {
    const parts = group.map((of): ProducePartition => {
      const batch = of.batches[round]?.seal(NO_PRODUCER) ?? Buffer.alloc(0);
      return { topic: of.topic, partition: of.partition, batch };
    });
    const call = produceCall(null, parts, LIMITS.produceMs, LIMITS.produceMs + LIMITS.requestMs);
    try {
      const answers = await cluster.send(leader, LANE, call);
      for (const of of group) settle(of, round, answers, acks, failed);
    } catch (error) {
      for (const of of group) failed.push({ of, error: asMillraceError(error) });
    }
  });
  await Promise.all(sends);
  return failed;
}

function settle(
  of: Pending,
  round: number,
  answers: readonly ProducePartitionAnswer[],
  acks: ProduceAck[],
  failed: Failed[],
): void {
  const { topic, partition } = of;
  const answer = answers.find((a) => a.partition === partition && a.topic === topic);
  const code = answer?.error ?? KafkaCode.UNKNOWN;
  if (answer && code === KafkaCode.NONE) {
    acks.push({ topic, partition, baseOffset: answer.baseOffset, count: of.batches[round]?.count ?? 0 });
  } else {
    failed.push({ of, error: kafkaError(code, `records for '${topic}' partition ${partition}`) });
  }
}
