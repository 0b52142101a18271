import { Backoff } from '@millrace/core';
import type { KafkaDeps } from '../types.ts';

const PROBE = { delayMs: 200, maxDelayMs: 2_000 };

/**
 * Whether any broker answers. Lost means that every known broker was asked and none did; a single broker of several
 * that is down is not. While it is lost, a probe asks again with backoff, so that `broker-back` comes even when
 * nobody has a request to make. One event for each change.
 */
export class Availability {
  readonly #deps: KafkaDeps;
  readonly #probe: () => Promise<void>;
  readonly #stop = new AbortController();
  #connected = false;
  #lostAt: number | null = null;
  #probing = false;

  constructor(deps: KafkaDeps, probe: () => Promise<void>) {
    this.#deps = deps;
    this.#probe = probe;
  }

  get connected(): boolean {
    return this.#connected;
  }

  succeeded(): void {
    this.#connected = true;
    if (this.#lostAt === null) return;
    const downMs = Math.round(this.#deps.clock.monotonic() - this.#lostAt);
    this.#lostAt = null;
    this.#deps.onEvent({ type: 'broker-back', downMs });
  }

  failed(error: Error): void {
    this.#connected = false;
    if (this.#lostAt === null) {
      this.#lostAt = this.#deps.clock.monotonic();
      this.#deps.onEvent({ type: 'broker-lost', error });
    }
    if (!this.#probing) void this.#probeUntilBack();
  }

  close(): void {
    this.#stop.abort();
  }

  async #probeUntilBack(): Promise<void> {
    this.#probing = true;
    const backoff = new Backoff(PROBE, this.#deps.random);
    while (this.#lostAt !== null && !this.#stop.signal.aborted) {
      // An aborted sleep and a failed probe both only lead back to the condition above.
      await this.#deps.clock.sleep(backoff.next(), this.#stop.signal).catch(() => undefined);
      if (!this.#stop.signal.aborted) await this.#probe().catch(() => undefined);
    }
    this.#probing = false;
  }
}
