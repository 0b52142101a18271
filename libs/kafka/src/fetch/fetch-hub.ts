import { asMillraceError, type Backoff, type MillraceError } from '@millrace/core';
import type { Cluster } from '../cluster/cluster.ts';
import { LIMITS } from '../limits.ts';
import { isLeaderMoved, KafkaCode, kafkaError } from '../protocol/error-codes.ts';
import type { FetchedBatch, FetchOptions } from '../types.ts';
import { BrokerFetcher } from './broker-fetcher.ts';
import { checkPosition } from './positions.ts';
import { batchesOf } from './record-set.ts';
import { Subscription } from './subscription.ts';

/**
 * Every partition that this process follows, each placed with the fetcher of its leader. A partition whose leader
 * moved or broke is placed again, for as long as its consumer wants it.
 */
export class FetchHub {
  readonly #cluster: Cluster;
  readonly #fetchers = new Map<number, BrokerFetcher>();
  readonly #backoffs = new WeakMap<Subscription, Backoff>();
  /** Of which it was told that they have no leader. */
  readonly #orphans = new WeakSet<Subscription>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** See `KafkaClient.fetch`. */
  async *fetch(options: FetchOptions): AsyncGenerator<FetchedBatch> {
    const { topic, partition, from, signal } = options;
    const ended = new AbortController();
    const open = AbortSignal.any([signal, ended.signal]);
    try {
      if (open.aborted) return;
      await checkPosition(this.#cluster, topic, partition, from, open);
      const subscription = new Subscription(
        topic,
        partition,
        from,
        options.maxBytes ?? LIMITS.defaultFetchBytes,
        open,
      );
      void this.#place(subscription);
      for (;;) {
        const fetched = await subscription.take();
        if (!fetched) return;
        this.#backoffs.delete(subscription);
        this.#orphans.delete(subscription);
        const maxRecords = options.maxRecords ?? LIMITS.defaultFetchRecords;
        for (const batch of batchesOf(fetched.answer, fetched.from, maxRecords)) {
          if (signal.aborted) return;
          yield batch;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    } finally {
      ended.abort();
    }
  }

  async #place(subscription: Subscription): Promise<void> {
    const { topic, partition, signal } = subscription;
    while (subscription.isOpen) {
      try {
        const nodeId = await this.#cluster.leader(topic, partition, signal);
        this.#fetcher(nodeId).add(subscription);
        return;
      } catch (thrown) {
        const error = asMillraceError(thrown);
        // The runner decides about anything that does not pass by itself.
        if (error.kind !== 'transient' && !signal.aborted) subscription.fail(error);
        else {
          this.#tellOrphan(subscription, error);
          await this.#pause(subscription);
        }
      }
    }
  }

  /** Once. While no broker answers at all, that has been told already. */
  #tellOrphan(subscription: Subscription, error: MillraceError): void {
    if (subscription.signal.aborted || !this.#cluster.availability.connected) return;
    if (this.#orphans.has(subscription)) return;
    this.#orphans.add(subscription);
    this.#cluster.warn(`${error.message} It is waited for.`);
  }

  #fetcher(nodeId: number): BrokerFetcher {
    let fetcher = this.#fetchers.get(nodeId);
    if (!fetcher) {
      fetcher = new BrokerFetcher(this.#cluster, nodeId, (s, code) => void this.#displaced(s, code));
      this.#fetchers.set(nodeId, fetcher);
    }
    return fetcher;
  }

  async #displaced(subscription: Subscription, errorCode: number | null): Promise<void> {
    const { topic, partition, signal } = subscription;
    if (errorCode === KafkaCode.OFFSET_OUT_OF_RANGE) {
      try {
        await checkPosition(this.#cluster, topic, partition, subscription.position, signal);
      } catch (error) {
        const known = asMillraceError(error);
        if (known.kind !== 'transient' && !signal.aborted) return subscription.fail(known);
      }
    } else if (errorCode !== null && !isLeaderMoved(errorCode)) {
      const error = kafkaError(errorCode, `to fetch '${topic}' partition ${partition}`);
      if (error.kind !== 'transient') return subscription.fail(error);
    }
    this.#cluster.invalidate(topic);
    await this.#pause(subscription);
    await this.#place(subscription);
  }

  async #pause(subscription: Subscription): Promise<void> {
    const backoff = this.#backoffs.get(subscription) ?? this.#cluster.backoff();
    this.#backoffs.set(subscription, backoff);
    // Rejects only because the consumer left; the callers look at `isOpen`.
    await this.#cluster.clock.sleep(backoff.next(), subscription.signal).catch(() => undefined);
  }
}
