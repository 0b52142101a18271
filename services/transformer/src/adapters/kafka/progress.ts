import type { Clock } from '@millrace/core';

/** Something at work: a batch, or the restoring of a partition's state. */
export interface Work {
  /** It got further. */
  turn(): void;
  end(): void;
}

/** Tells stuck work from an idle partition: only what is at work can be late. */
export class Progress {
  readonly #clock: Clock;
  readonly #working = new Set<{ since: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begin(): Work {
    const work = { since: this.#clock.monotonic() };
    this.#working.add(work);
    return {
      turn: () => {
        work.since = this.#clock.monotonic();
      },
      end: () => {
        this.#working.delete(work);
      },
    };
  }

  /** When the slowest work began or last turned, or now. `clock.monotonic()` time. */
  lastProgressAt(): number {
    let oldest = this.#clock.monotonic();
    for (const { since } of this.#working) oldest = Math.min(oldest, since);
    return oldest;
  }
}
