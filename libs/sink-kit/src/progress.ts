import type { Clock } from '@millrace/core';

/** A batch at work. */
export interface Work {
  /** A step of it is done: the next one has its own deadline. */
  turned(): void;
  end(): void;
}

/** Tells a stuck batch from an idle partition: only a batch at work can be late. */
export class Progress {
  readonly #clock: Clock;
  readonly #working = new Map<Work, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begin(): Work {
    const work: Work = {
      turned: () => this.#working.set(work, this.#clock.monotonic()),
      end: () => this.#working.delete(work),
    };
    work.turned();
    return work;
  }

  /** When the oldest step at work began, or now. `clock.monotonic()` time. */
  lastProgressAt(): number {
    let oldest = this.#clock.monotonic();
    for (const since of this.#working.values()) oldest = Math.min(oldest, since);
    return oldest;
  }
}
