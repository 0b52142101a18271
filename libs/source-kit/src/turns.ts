import type { Clock } from '@millrace/core';

/** When each loop last moved. A loop that waits for work has nothing to move and counts as moving. */
export class Turns {
  readonly #clock: Clock;
  readonly #busy = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  turn(loop: string): void {
    this.#busy.set(loop, this.#clock.monotonic());
  }

  idle(loop: string): void {
    this.#busy.delete(loop);
  }

  end(loop: string): void {
    this.#busy.delete(loop);
  }

  /** `clock.monotonic()` of the last turn of the slowest loop. */
  slowest(): number {
    return Math.min(this.#clock.monotonic(), ...this.#busy.values());
  }
}
