import type { Clock } from '@millrace/core';

interface Sleeper {
  readonly wakesAt: number;
  wake(): void;
}

/** A clock that stands still until it is moved. */
export class FakeClock implements Clock {
  readonly #sleepers = new Set<Sleeper>();
  readonly #epoch: number;
  #elapsed = 0;

  /** @param startMs wall clock at the start, milliseconds since the epoch */
  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#epoch = startMs;
  }

  now(): number {
    return this.#epoch + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  /** How many sleeps are pending: wait for it before moving the clock. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        wakesAt: this.#elapsed + ms,
        wake: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#sleepers.add(sleeper);
    });
  }

  /** Moves on and wakes who is due, in order; each gets to run, and to sleep again, before the next is woken. */
  async advance(ms: number): Promise<void> {
    const until = this.#elapsed + ms;
    for (;;) {
      const due = [...this.#sleepers]
        .filter((s) => s.wakesAt <= until)
        .sort((a, b) => a.wakesAt - b.wakesAt)[0];
      if (due === undefined) break;
      this.#elapsed = Math.max(this.#elapsed, due.wakesAt);
      this.#sleepers.delete(due);
      due.wake();
      // Lets all promises that follow from the wake-up settle.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#elapsed = until;
  }
}
