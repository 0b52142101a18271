import type { MillraceError } from '@millrace/core';
import { batchBytesAt, offsetAfter } from '../protocol/batch-decoder.ts';
import type { PartitionAnswer } from './record-set.ts';

/** One fetched record set with the position it was asked from. */
export interface Fetched {
  readonly answer: PartitionAnswer;
  readonly from: number;
}

/**
 * One partition that somebody reads. It holds at most one fetched record set that was not taken yet, which is the
 * prefetch; while it does, the partition is left out of the next fetch.
 */
export class Subscription {
  readonly topic: string;
  readonly partition: number;
  readonly signal: AbortSignal;
  readonly #maxBytes: number;
  #position: number;
  #ready: Fetched | null = null;
  #failure: MillraceError | null = null;
  #wake: (() => void) | null = null;
  /** Raised above `maxBytes` for the next fetch when a single batch did not fit. */
  #oversized = 0;
  /** Set by the fetcher that it is placed with: called when there is room again, or the consumer left. */
  onChange: (() => void) | null = null;

  constructor(topic: string, partition: number, from: number, maxBytes: number, signal: AbortSignal) {
    this.topic = topic;
    this.partition = partition;
    this.signal = signal;
    this.#position = from;
    this.#maxBytes = maxBytes;
    const left = (): void => {
      this.#wake?.();
      this.onChange?.();
    };
    signal.addEventListener('abort', left, { once: true });
  }

  get position(): number {
    return this.#position;
  }

  get isOpen(): boolean {
    return !this.signal.aborted && this.#failure === null;
  }

  get wantsData(): boolean {
    return this.isOpen && this.#ready === null;
  }

  get fetchBytes(): number {
    return Math.max(this.#maxBytes, this.#oversized);
  }

  /** A batch that did not fit is sent whole only to the first partition of a request. */
  get isOversized(): boolean {
    return this.#oversized > 0;
  }

  deliver(answer: PartitionAnswer): void {
    const { records } = answer;
    if (records.length === 0) return;
    const next = offsetAfter(records);
    if (next < 0) {
      this.#oversized = batchBytesAt(records, 0) || this.fetchBytes * 2;
      return;
    }
    this.#oversized = 0;
    this.#ready = { answer, from: this.#position };
    this.#position = Math.max(this.#position, next);
    this.#wake?.();
  }

  fail(error: MillraceError): void {
    this.#failure = error;
    this.#wake?.();
  }

  /** The next record set; `null` when the signal aborts. Throws what the hub failed with. */
  async take(): Promise<Fetched | null> {
    while (!this.signal.aborted) {
      if (this.#ready) {
        const fetched = this.#ready;
        this.#ready = null;
        this.onChange?.();
        return fetched;
      }
      if (this.#failure) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    return null;
  }
}
