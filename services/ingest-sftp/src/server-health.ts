import {
  asMillraceError,
  Backoff,
  type Clock,
  type MillraceError,
  policyFor,
  type Random,
} from '@millrace/core';
import type { IngestEvent } from './events.ts';

/** Whether the trouble is the server's and not one file's. */
export function isServerTrouble(error: unknown): boolean {
  return asMillraceError(error).code.startsWith('MR-SFTP-');
}

/**
 * What all partitions of a pipeline know together about their file server: one event when it goes, one when it is
 * back, waits with backoff in between.
 */
export class ServerHealth {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #emit: (event: IngestEvent) => void;
  #down: { readonly since: number; code: string } | null = null;

  constructor(deps: { clock: Clock; random: Random; emit: (event: IngestEvent) => void }) {
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#emit = deps.emit;
  }

  get down(): boolean {
    return this.#down !== null;
  }

  /**
   * Tries until the server answers; trouble with the path is thrown to the caller. Each try is a turn: that a server
   * is away is no reason to restart.
   */
  async answered<T>(work: () => Promise<T>, turn: () => void, signal: AbortSignal): Promise<T> {
    let backoff: Backoff | null = null;
    for (;;) {
      turn();
      try {
        const result = await work();
        this.succeeded();
        return result;
      } catch (error) {
        if (signal.aborted || !isServerTrouble(error)) throw error;
        const known = asMillraceError(error);
        backoff ??= this.backoffFor(known);
        turn();
        await this.wait(known, backoff, signal);
      }
    }
  }

  backoffFor(error: MillraceError): Backoff {
    return new Backoff(policyFor(error.kind), this.#random);
  }

  succeeded(): void {
    if (!this.#down) return;
    this.#emit({ type: 'server-back', downMs: this.#clock.monotonic() - this.#down.since });
    this.#down = null;
  }

  /** Notes the trouble and waits. */
  async wait(error: MillraceError, backoff: Backoff, signal: AbortSignal): Promise<void> {
    const retryInMs = backoff.next();
    // A lost connection that another kind of trouble follows is worth a second line: the remedy differs.
    const changed = this.#down !== null && this.#down.code !== error.code && error.kind === 'systemic';
    if (!this.#down || changed) {
      const since = this.#down?.since ?? this.#clock.monotonic();
      this.#down = { since, code: error.code };
      this.#emit({ type: 'server-lost', error, retryInMs, loud: policyFor(error.kind).alert });
    }
    await this.#clock.sleep(retryInMs, signal);
  }
}
