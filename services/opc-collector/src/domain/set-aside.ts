import { Backoff, type Clock } from '@millrace/core';

const RETRY = { delayMs: 5_000, maxDelayMs: 300_000 };

interface Entry<T> {
  readonly item: T;
  readonly reason: string;
  readonly backoff: Backoff;
  dueAt: number;
}

/** Nodes that cannot be collected now, each with its reason and the time of its next try. */
export class SetAside<T> {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry<T>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  get reasons(): readonly { readonly node: string; readonly reason: string }[] {
    return [...this.#entries].map(([node, { reason }]) => ({ node, reason }));
  }

  /** True when it is new here. */
  put(node: string, item: T, reason: string): boolean {
    const known = this.#entries.get(node);
    const backoff = known?.backoff ?? new Backoff(RETRY);
    this.#entries.set(node, { item, reason, backoff, dueAt: this.#clock.monotonic() + backoff.next() });
    return known === undefined;
  }

  /** True when it had been here. */
  back(node: string): boolean {
    return this.#entries.delete(node);
  }

  due(): readonly T[] {
    const now = this.#clock.monotonic();
    return [...this.#entries.values()].filter((entry) => entry.dueAt <= now).map((entry) => entry.item);
  }

  /** A new session: everything is tried at once. */
  clear(): void {
    this.#entries.clear();
  }
}
