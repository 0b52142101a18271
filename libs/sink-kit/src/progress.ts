import type { Clock } from '@millrace/core';

/** Tells a stuck batch from an idle partition: only a batch at work can be late. */
export class Progress {
  readonly #clock: Clock;
  readonly #working = new Set<{ readonly since: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Marks the begin of a batch; the returned function its end. */
  begin(): () => void {
    const work = { since: this.#clock.monotonic() };
    this.#working.add(work);
    return () => {
      this.#working.delete(work);
    };
  }

  /** When the oldest batch at work began, or now. `clock.monotonic()` time. */
  lastProgressAt(): number {
    let oldest = this.#clock.monotonic();
    for (const { since } of this.#working) oldest = Math.min(oldest, since);
    return oldest;
  }
}
