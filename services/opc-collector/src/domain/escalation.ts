/** What is made anew when nothing is heard. */
export type Remedy = 'subscription' | 'session' | 'connection' | 'exit';

const STEPS: readonly Remedy[] = ['subscription', 'session', 'connection', 'exit'];

/**
 * Each silence that follows another without a sign of life in between is answered with more. `heard` begins again.
 */
export class Escalation {
  #step = 0;

  heard(): void {
    this.#step = 0;
  }

  next(): Remedy {
    const remedy = STEPS[Math.min(this.#step, STEPS.length - 1)] ?? 'exit';
    this.#step += 1;
    return remedy;
  }
}
