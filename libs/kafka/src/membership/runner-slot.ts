import { asMillraceError, Backoff, type Clock, MillraceError, policyFor, type Random } from '@millrace/core';
import { LIMITS } from '../limits.ts';
import type { PartitionRunner, PartitionStatus } from '../types.ts';

export interface SlotDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly onFailed: (partition: number, error: MillraceError, retryInMs: number | null) => void;
  readonly onRecovered: (partition: number) => void;
  /** Resolves once the group has confirmed our membership after this moment. */
  readonly confirmedSince: (monotonicMs: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Keeps one partition's runner going until it is stopped. A failure is met as `policyFor(kind)` says; a runner that
 * lasted some seconds or reported progress has recovered, and the waits begin at the short end again.
 */
export class RunnerSlot {
  readonly partition: number;
  readonly #runner: PartitionRunner;
  readonly #deps: SlotDeps;
  readonly #stop = new AbortController();
  #status: PartitionStatus;
  #backoff: { readonly kind: string; readonly waits: Backoff } | null = null;
  #hasFailed = false;
  #unfinished: MillraceError | null = null;
  #done: Promise<void> = Promise.resolve();

  constructor(partition: number, runner: PartitionRunner, deps: SlotDeps) {
    this.partition = partition;
    this.#runner = runner;
    this.#deps = deps;
    this.#status = { partition, state: 'running' };
  }

  get status(): PartitionStatus {
    return this.#status;
  }

  /** What kept the runner from finishing its work after it was told to stop; `null` when it ended well. */
  get unfinished(): MillraceError | null {
    return this.#unfinished;
  }

  /** Starts once `after`, the previous runner of this partition in this process, has ended. */
  start(after: Promise<void>): void {
    this.#done = after.then(() => this.#keepRunning());
  }

  /** Aborts the runner's signal; resolves when it has returned. */
  stop(): Promise<void> {
    this.#stop.abort();
    return this.#done;
  }

  /** The runner got something done. */
  progressed(): void {
    if (this.#hasFailed && this.#status.state === 'running') this.#recovered();
  }

  async #keepRunning(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#status = { partition: this.partition, state: 'running' };
      const error = await this.#runOnce(signal);
      if (signal.aborted || !error) {
        // Fenced: the work is another's now, and not left undone.
        if (error && error.kind !== 'fenced' && !isAbort(error, signal)) this.#unfinished = error;
        return;
      }
      const policy = policyFor(error.kind);
      const failedAt = this.#deps.clock.monotonic();
      this.#hasFailed = true;
      if (policy.reaction === 'halt') {
        this.#status = { partition: this.partition, state: 'halted', error };
        this.#deps.onFailed(this.partition, error, null);
        return;
      }
      const waitMs = this.#nextWait(error);
      const state = policy.reaction === 'pause' ? 'paused' : 'retrying';
      this.#status = { partition: this.partition, state, error };
      this.#deps.onFailed(this.partition, error, waitMs);
      try {
        await this.#deps.clock.sleep(waitMs, signal);
        // Whoever fenced us may be right: taking the partition back is only proper while the group says it is ours.
        if (policy.reaction === 'release') await this.#deps.confirmedSince(failedAt, signal);
      } catch {
        return; // stopped
      }
    }
  }

  async #runOnce(signal: AbortSignal): Promise<MillraceError | null> {
    const settled = new AbortController();
    void this.#watchRecovery(AbortSignal.any([signal, settled.signal]));
    try {
      await this.#runner(this.partition, signal);
      return signal.aborted ? null : endedEarly(this.partition);
    } catch (error) {
      return asMillraceError(error);
    } finally {
      settled.abort();
    }
  }

  async #watchRecovery(until: AbortSignal): Promise<void> {
    if (!this.#hasFailed) return;
    const lasted = await this.#deps.clock.sleep(LIMITS.recoveredMs, until).then(
      () => true,
      () => false,
    );
    if (lasted) this.progressed();
  }

  #recovered(): void {
    this.#hasFailed = false;
    this.#backoff = null;
    this.#deps.onRecovered(this.partition);
  }

  #nextWait(error: MillraceError): number {
    if (this.#backoff?.kind !== error.kind) {
      // A runner that lets a single bad record out has a bug; it must not spin.
      const policy = policyFor(error.kind === 'data' ? 'bug' : error.kind);
      this.#backoff = { kind: error.kind, waits: new Backoff(policy, this.#deps.random) };
    }
    return this.#backoff.waits.next();
  }
}

/** Whether the error only says that the signal aborted. */
function isAbort(error: unknown, signal: AbortSignal): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    if (at === signal.reason || at.name === 'AbortError') return true;
  return false;
}

function endedEarly(partition: number): MillraceError {
  return new MillraceError({
    kind: 'bug',
    code: 'MR-KAFKA-RUNNER-ENDED',
    message: `The runner of partition ${partition} returned although nobody stopped it.`,
    remedy: 'Report this with the log around it.',
  });
}
