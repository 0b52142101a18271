import type { Clock } from '@millrace/core';
import { BatchEncoder, type HeaderInput } from '../protocol/batch-encoder.ts';
import type { Outbox } from '../types.ts';

const NO_HEADERS: readonly HeaderInput[] = [];

/** What waits for one topic partition: batches in order, all but the last one full. */
export interface Pending {
  readonly topic: string;
  readonly partition: number;
  readonly batches: readonly BatchEncoder[];
}

interface Lot {
  readonly topic: string;
  readonly partition: number;
  readonly batches: BatchEncoder[];
  current: BatchEncoder;
}

/** The one implementation of `Outbox`; slabs are kept across `clear`. */
export class BatchOutbox implements Outbox {
  readonly #clock: Clock;
  readonly #topics = new Map<string, Lot[]>();
  readonly #lots: Lot[] = [];
  #spare: BatchEncoder[] = [];
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    let sum = 0;
    for (const lot of this.#lots) for (const batch of lot.batches) sum += batch.bytes;
    return sum;
  }

  add(
    topic: string,
    partition: number,
    key: Uint8Array | string | null,
    value: Uint8Array | null,
    headers: readonly HeaderInput[] = NO_HEADERS,
  ): void {
    const lot = this.#lot(topic, partition);
    const now = this.#clock.now();
    if (!lot.current.add(now, key, value, headers)) {
      lot.current = this.#encoder();
      lot.batches.push(lot.current);
      lot.current.add(now, key, value, headers);
    }
    this.#count += 1;
  }

  clear(): void {
    for (const lot of this.#lots) {
      // One slab stays with its partition; more than a handful in reserve would only be a larger footprint.
      for (const batch of lot.batches) batch.clear();
      this.#spare.push(...lot.batches.splice(1));
      lot.current = lot.batches[0] as BatchEncoder;
    }
    this.#spare = this.#spare.slice(0, 8);
    this.#count = 0;
  }

  pending(): readonly Pending[] {
    return this.#lots.filter((lot) => lot.current.count > 0);
  }

  /** Gives up the slabs: a request that was left without an answer may still be on its way out of them. */
  abandonSlabs(): void {
    this.#topics.clear();
    this.#lots.length = 0;
    this.#spare = [];
  }

  #lot(topic: string, partition: number): Lot {
    let partitions = this.#topics.get(topic);
    if (!partitions) {
      partitions = [];
      this.#topics.set(topic, partitions);
    }
    let lot = partitions[partition];
    if (!lot) {
      const current = this.#encoder();
      lot = { topic, partition, batches: [current], current };
      partitions[partition] = lot;
      this.#lots.push(lot);
    }
    return lot;
  }

  #encoder(): BatchEncoder {
    return this.#spare.pop() ?? new BatchEncoder();
  }
}
