import type { Random } from './clock.ts';
import type { Policy } from './errors.ts';

/**
 * The waits between tries of one piece of work: doubled from `delayMs` to `maxDelayMs`, each between half and
 * all of that, so that many processes that lost the same broker do not come back in step.
 */
export class Backoff {
  readonly #policy: Pick<Policy, 'delayMs' | 'maxDelayMs'>;
  readonly #random: Random;
  #attempt = 0;

  constructor(policy: Pick<Policy, 'delayMs' | 'maxDelayMs'>, random: Random = Math.random) {
    this.#policy = policy;
    this.#random = random;
  }

  get attempt(): number {
    return this.#attempt;
  }

  /** Milliseconds to wait before the next try. */
  next(): number {
    const { delayMs, maxDelayMs } = this.#policy;
    const ceiling = Math.min(maxDelayMs, delayMs * 2 ** Math.min(this.#attempt, 30));
    this.#attempt += 1;
    return Math.round(ceiling * (0.5 + this.#random() / 2));
  }

  reset(): void {
    this.#attempt = 0;
  }
}
