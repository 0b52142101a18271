import { asMillraceError, Backoff, policyFor, type Random } from '@millrace/core';
import type { CollectorEvent } from '../events.ts';
import type { SpoolLog } from './log.ts';
import { type PublishDeps, publishSpool } from './publish.ts';

/** How long a stop waits for what is spooled to reach Kafka; the rest stays on disk for the next start. */
const DRAIN_MS = 8_000;

export interface PublishingDeps extends Omit<PublishDeps, 'emit'> {
  readonly random: Random;
  readonly emit: (event: CollectorEvent) => void;
}

/** The spools that this process publishes, each by a job of its own, tried again as the error's kind says. */
export class PublishingSpools {
  readonly #deps: PublishingDeps;
  readonly #stopping = new AbortController();
  readonly #jobs = new Map<SpoolLog, Promise<void>>();

  constructor(deps: PublishingDeps) {
    this.#deps = deps;
  }

  publish(log: SpoolLog): void {
    const job = this.#run(log).finally(() => this.#jobs.delete(log));
    this.#jobs.set(log, job);
  }

  detail(): Readonly<Record<string, unknown>> {
    const spools = [...this.#jobs.keys()].map(({ meta, bytes }) => ({ server: meta.server, bytes }));
    return { spools };
  }

  /** Waits for the jobs, within bounds, then ends them. What is left is on disk, synced: nothing is lost by that. */
  async drain(): Promise<void> {
    const { clock, emit } = this.#deps;
    const enough = new AbortController();
    const all = Promise.all(this.#jobs.values()).then(() => enough.abort());
    await Promise.race([all, clock.sleep(DRAIN_MS, enough.signal).catch(() => undefined)]);
    for (const log of this.#jobs.keys())
      emit({ type: 'spool-left', server: log.meta.server, bytes: log.bytes });
    this.#stopping.abort(new Error('stopping'));
    await Promise.all(this.#jobs.values());
  }

  async #run(log: SpoolLog): Promise<void> {
    const { clock, random, emit } = this.#deps;
    const { server, spoolId } = log.meta;
    const { signal } = this.#stopping;
    let backoff: Backoff | null = null;
    let told = '';
    while (!signal.aborted) {
      const began = clock.monotonic();
      try {
        await publishSpool(log, { ...this.#deps, emit }, signal);
        emit({ type: 'spool-published', server, spoolId });
        return;
      } catch (thrown) {
        if (signal.aborted) return;
        const error = asMillraceError(thrown);
        const policy = policyFor(error.kind);
        // It ran well for a while: this is a new trouble.
        if (clock.monotonic() - began > 60_000) backoff = null;
        backoff ??= new Backoff(policy.delayMs > 0 ? policy : policyFor('systemic'), random);
        const halts = policy.reaction === 'halt';
        const retryInMs = halts ? null : backoff.next();
        if (told !== error.code) emit({ type: 'publish-trouble', server, error, retryInMs });
        told = error.code;
        // Only a person can decide; the readings stay on disk.
        if (retryInMs === null) return;
        await clock.sleep(retryInMs, signal).catch(() => undefined);
      }
    }
  }
}
