import { asMillraceError, MillraceError } from '@millrace/core';
import type { Cluster } from '../cluster/cluster.ts';
import { LIMITS } from '../limits.ts';
import type { BatchOutbox, Pending } from '../produce/outbox.ts';
import { isConnectionError, isLeaderMoved, KafkaCode, kafkaError } from '../protocol/error-codes.ts';
import { type ProducePartition, type ProducePartitionAnswer, produceCall } from '../protocol/produce.ts';
import type { Outbox, ProduceAck, TransactionalProducer } from '../types.ts';
import { type ProducerIdentity, TransactionCoordinator } from './coordinator.ts';
import { Sequences } from './sequences.ts';

/**
 * States: idle → (send) open → (commit | abort) idle. Any error but `data` leads to spent, for good: what the broker
 * holds of the transaction is not known any more, and only a takeover makes it known.
 */
type State = 'idle' | 'open' | 'busy' | 'spent' | 'closed';

/** Producers share few connections to each broker, since each of them holds up its broker while followers ack. */
const LANES = 4;

/** See `KafkaClient.takeOver`. */
export async function takeOver(
  cluster: Cluster,
  transactionalId: string,
  asBatches: (outbox: Outbox) => BatchOutbox,
  signal: AbortSignal,
): Promise<TransactionalProducer> {
  const lane = `produce/${hash(transactionalId) % LANES}`;
  const coordinator = new TransactionCoordinator(cluster, transactionalId, lane);
  const identity = await coordinator.initProducerId(signal);
  return new Producer(cluster, transactionalId, coordinator, identity, lane, asBatches);
}

class Producer implements TransactionalProducer {
  readonly transactionalId: string;
  readonly #cluster: Cluster;
  readonly #coordinator: TransactionCoordinator;
  readonly #identity: ProducerIdentity;
  readonly #lane: string;
  readonly #asBatches: (outbox: Outbox) => BatchOutbox;
  readonly #sequences = new Sequences();
  /** Partitions that the open transaction covers. */
  readonly #added = new Map<string, Set<number>>();
  #state: State = 'idle';

  constructor(
    cluster: Cluster,
    transactionalId: string,
    coordinator: TransactionCoordinator,
    identity: ProducerIdentity,
    lane: string,
    asBatches: (outbox: Outbox) => BatchOutbox,
  ) {
    this.#cluster = cluster;
    this.transactionalId = transactionalId;
    this.#coordinator = coordinator;
    this.#identity = identity;
    this.#lane = lane;
    this.#asBatches = asBatches;
  }

  async send(outbox: Outbox): Promise<readonly ProduceAck[]> {
    const batches = this.#asBatches(outbox);
    const pending = batches.pending();
    if (pending.length === 0) return [];
    return this.#exclusive('open', async () => {
      await this.#addNew(pending);
      try {
        return await this.#sendAll(pending);
      } catch (error) {
        batches.abandonSlabs();
        throw error;
      }
    });
  }

  async commit(): Promise<void> {
    if (this.#state === 'idle') return;
    await this.#exclusive('idle', () => this.#end(true));
  }

  async abort(): Promise<void> {
    if (this.#state === 'idle') return;
    await this.#exclusive('idle', () => this.#end(false));
  }

  async close(): Promise<void> {
    this.#state = 'closed';
  }

  async #end(commit: boolean): Promise<void> {
    await this.#coordinator.endTransaction(this.#identity, commit);
    this.#added.clear();
  }

  /** One operation at a time; `after` is the state that success leads to. */
  async #exclusive<T>(after: 'idle' | 'open', work: () => Promise<T>): Promise<T> {
    if (this.#state !== 'idle' && this.#state !== 'open') throw this.#unusable(this.#state);
    this.#state = 'busy';
    try {
      const result = await work();
      this.#settle(after);
      return result;
    } catch (error) {
      this.#settle('spent');
      throw asMillraceError(error);
    }
  }

  #settle(state: State): void {
    // `close` may have been called meanwhile.
    if (this.#state === 'busy') this.#state = state;
  }

  #unusable(state: State): MillraceError {
    const isBug = state === 'busy';
    return new MillraceError({
      kind: isBug ? 'bug' : 'transient',
      code: isBug ? 'MR-KAFKA-PRODUCER-BUSY' : 'MR-KAFKA-PRODUCER-SPENT',
      message: `The producer of '${this.transactionalId}' is ${state}.`,
      remedy: isBug ? 'Report this with the log around it.' : 'Nothing: the partition is taken over again.',
    });
  }

  async #addNew(pending: readonly Pending[]): Promise<void> {
    const fresh = new Map<string, number[]>();
    for (const { topic, partition } of pending) {
      if (this.#added.get(topic)?.has(partition)) continue;
      fresh.set(topic, [...(fresh.get(topic) ?? []), partition]);
    }
    if (fresh.size === 0) return;
    await this.#coordinator.addPartitions(this.#identity, fresh);
    for (const [topic, partitions] of fresh) {
      this.#added.set(topic, new Set([...(this.#added.get(topic) ?? []), ...partitions]));
    }
  }

  /** Each partition's batches in order; brokers side by side. The first error counts, after all have ended. */
  async #sendAll(pending: readonly Pending[]): Promise<readonly ProduceAck[]> {
    const byLeader = new Map<number, Pending[]>();
    for (const of of pending) {
      const leader = await this.#cluster.leader(of.topic, of.partition);
      const group = byLeader.get(leader);
      if (group) group.push(of);
      else byLeader.set(leader, [of]);
    }
    const sends = [...byLeader].map(([leader, group]) => this.#sendTo(leader, group));
    const results = await Promise.allSettled(sends);
    const failed = results.find((r) => r.status === 'rejected');
    if (failed) throw failed.reason;
    return results.flatMap((r) => (r.status === 'fulfilled' ? r.value : []));
  }

  async #sendTo(leader: number, group: readonly Pending[]): Promise<readonly ProduceAck[]> {
    const acks: ProduceAck[] = [];
    const rounds = Math.max(...group.map((of) => of.batches.length));
    for (let round = 0; round < rounds; round += 1) {
      const parts: (ProducePartition & { count: number })[] = [];
      for (const { topic, partition, batches } of group) {
        const batch = batches[round];
        if (batch)
          parts.push({
            topic,
            partition,
            count: batch.count,
            batch: batch.seal(this.#stampFor(topic, partition)),
          });
      }
      const call = produceCall(
        this.transactionalId,
        parts,
        LIMITS.produceMs,
        LIMITS.produceMs + LIMITS.requestMs,
      );
      const answers = await this.#produce(leader, parts, call);
      for (const { topic, partition, count } of parts) {
        const answer = answers.find((a) => a.partition === partition && a.topic === topic);
        const code = answer?.error ?? KafkaCode.UNKNOWN;
        if (!answer || code !== KafkaCode.NONE) {
          if (isLeaderMoved(code)) this.#cluster.invalidate(topic);
          throw kafkaError(code, `records for '${topic}' partition ${partition}`);
        }
        this.#sequences.advance(topic, partition, count);
        acks.push({ topic, partition, baseOffset: answer.baseOffset, count });
      }
    }
    return acks;
  }

  async #produce(
    leader: number,
    parts: readonly ProducePartition[],
    call: ReturnType<typeof produceCall>,
  ): Promise<readonly ProducePartitionAnswer[]> {
    try {
      return await this.#cluster.send(leader, this.#lane, call);
    } catch (error) {
      // The broker may be gone: whoever takes over looks for the leaders anew.
      if (isConnectionError(error)) for (const { topic } of parts) this.#cluster.invalidate(topic);
      throw error;
    }
  }

  #stampFor(topic: string, partition: number) {
    const { producerId, epoch } = this.#identity;
    return { producerId, epoch, sequence: this.#sequences.current(topic, partition), isTransactional: true };
  }
}

function hash(text: string): number {
  let h = 0;
  for (let i = 0; i < text.length; i += 1) h = (Math.imul(h, 31) + text.charCodeAt(i)) | 0;
  return h >>> 0;
}
