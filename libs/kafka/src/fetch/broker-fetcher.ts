import type { Cluster } from '../cluster/cluster.ts';
import { LIMITS } from '../limits.ts';
import { KafkaCode } from '../protocol/error-codes.ts';
import { fetchCall } from '../protocol/fetch.ts';
import type { PartitionAnswer } from './record-set.ts';
import type { Subscription } from './subscription.ts';

/** What a broker's answer was not data for: the hub finds out what to do with the partition. */
export type Displaced = (subscription: Subscription, errorCode: number | null) => void;

/**
 * All fetching from one broker: one request at a time on a connection of its own, covering every partition led there
 * whose consumer has room. A slow consumer is left out and delays nobody; while one is left out the broker is asked
 * to hold a request only briefly, so that its partition is back within milliseconds once it has room again.
 */
export class BrokerFetcher {
  readonly #cluster: Cluster;
  readonly #nodeId: number;
  readonly #displaced: Displaced;
  #subscriptions: Subscription[] = [];
  #running = false;
  #wake: (() => void) | null = null;

  constructor(cluster: Cluster, nodeId: number, displaced: Displaced) {
    this.#cluster = cluster;
    this.#nodeId = nodeId;
    this.#displaced = displaced;
  }

  add(subscription: Subscription): void {
    subscription.onChange = () => this.#wake?.();
    this.#subscriptions.push(subscription);
    this.#wake?.();
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (;;) {
      this.#subscriptions = this.#subscriptions.filter((s) => s.isOpen);
      if (this.#subscriptions.length === 0) break;
      const wanting = this.#subscriptions.filter((s) => s.wantsData);
      if (wanting.length > 0) await this.#fetch(wanting);
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = null;
      }
    }
    this.#running = false;
  }

  async #fetch(wanting: readonly Subscription[]): Promise<void> {
    // Oversized ones first; the others take turns at the front, since the answer's bound cuts off the rear.
    const sorted = [...wanting].sort((a, b) => Number(b.isOversized) - Number(a.isOversized));
    const ordered = oncePerPartition(sorted);
    const asked = ordered.map((s) => ({
      topic: s.topic,
      partition: s.partition,
      offset: s.position,
      maxBytes: s.fetchBytes,
    }));
    const waitMs = ordered.length < this.#subscriptions.length ? LIMITS.busyFetchWaitMs : LIMITS.fetchWaitMs;
    try {
      const answer = await this.#cluster.send(
        this.#nodeId,
        'fetch',
        fetchCall(asked, waitMs, LIMITS.fetchAnswerBytes),
      );
      if (answer.error !== KafkaCode.NONE) this.#displace(ordered, answer.error);
      else for (const part of answer.partitions) this.#handOut(ordered, part);
    } catch {
      // Connection lost, broker gone: each partition finds its leader again, and reports when there is none.
      this.#displace(ordered, null);
    }
    const first = this.#subscriptions.shift();
    if (first) this.#subscriptions.push(first);
  }

  #handOut(asked: readonly Subscription[], part: PartitionAnswer): void {
    const subscription = asked.find(
      (s) => s.partition === part.partition && s.topic === part.topic && s.isOpen,
    );
    if (!subscription) return;
    if (part.error === KafkaCode.NONE) subscription.deliver(part);
    else this.#displace([subscription], part.error);
  }

  #displace(subscriptions: readonly Subscription[], errorCode: number | null): void {
    this.#subscriptions = this.#subscriptions.filter((s) => !subscriptions.includes(s));
    for (const subscription of subscriptions) {
      subscription.onChange = null;
      if (subscription.isOpen) this.#displaced(subscription, errorCode);
    }
  }
}

/**
 * A partition that is read twice in this process, from two positions, is asked for in turns: of two entries in one
 * request the broker answers only one.
 */
function oncePerPartition(subscriptions: readonly Subscription[]): Subscription[] {
  const chosen = new Map<string, Subscription>();
  for (const s of subscriptions) {
    const key = `${s.topic}/${s.partition}`;
    if (!chosen.has(key)) chosen.set(key, s);
  }
  return [...chosen.values()];
}
