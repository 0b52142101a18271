const CATCH_UP_MS = 1_000;

/** Lets the plant issue a reading of each tag every so often; what a busy process was late with follows at once. */
export class Updates {
  readonly #issue: () => void;
  #everyMs: number;
  #timer: NodeJS.Timeout | undefined;
  #due = 0;

  constructor(everyMs: number, issue: () => void) {
    this.#everyMs = everyMs;
    this.#issue = issue;
  }

  get running(): boolean {
    return this.#timer !== undefined;
  }

  get everyMs(): number {
    return this.#everyMs;
  }

  start(): void {
    if (this.running) return;
    this.#due = performance.now();
    this.#schedule();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  every(ms: number): void {
    this.#everyMs = ms;
    if (!this.running) return;
    this.stop();
    this.start();
  }

  now(readings: number): void {
    for (let reading = 0; reading < readings; reading++) this.#issue();
  }

  #schedule(): void {
    // Longer than that and the process was stopped: no storm when it goes on.
    this.#due = Math.max(this.#due + this.#everyMs, performance.now() - CATCH_UP_MS);
    this.#timer = setTimeout(() => {
      this.#issue();
      this.#schedule();
    }, this.#due - performance.now());
  }
}
