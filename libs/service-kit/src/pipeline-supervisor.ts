import {
  asMillraceError,
  Backoff,
  type Clock,
  type MillraceError,
  policyFor,
  type Random,
} from '@millrace/core';
import type { PipelineHandle, PipelineStatus } from './service.ts';
import type { PipelineEvent } from './service-events.ts';

export interface SupervisorDeps {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: (event: PipelineEvent) => void;
  /** Called when the pipeline is beyond recovery: the process has to end. */
  readonly onFatal: (error: unknown) => void;
  start(signal: AbortSignal): Promise<PipelineHandle>;
}

export type SupervisorState = 'starting' | 'retrying' | 'running' | 'halted' | 'stopped';

export interface SupervisedStatus extends PipelineStatus {
  readonly state: SupervisorState;
  readonly error?: { readonly code: string; readonly message: string; readonly remedy?: string };
}

/**
 * How long a stop waits for a start in flight. With Kafka away a start can take half a minute to give up, and has
 * nothing to finish; what it may have opened already is drained when the shared client closes.
 */
const START_GRACE_MS = 2_000;
const DELAY_MIN = { delayMs: 500, maxDelayMs: 30_000 };

/**
 * One pipeline in this process: starting → running, or → retrying → starting …, or → halted. `stop` ends each of
 * them. A pipeline's failure to start is its own: the others go on.
 */
export class PipelineSupervisor {
  readonly #deps: SupervisorDeps;
  readonly #stopping = new AbortController();
  #state: SupervisorState = 'starting';
  #error: MillraceError | null = null;
  #handle: PipelineHandle | null = null;
  #starting: Promise<void> = Promise.resolve();

  constructor(deps: SupervisorDeps) {
    this.#deps = deps;
  }

  get name(): string {
    return this.#deps.name;
  }

  start(): void {
    this.#starting = this.#run();
  }

  status(): SupervisedStatus {
    const error = this.#error && {
      code: this.#error.code,
      message: this.#error.message,
      ...(this.#error.remedy !== undefined && { remedy: this.#error.remedy }),
    };
    const own = this.#handle && this.#state === 'running' ? this.#handle.status() : { ready: false };
    return { ...own, state: this.#state, ...(error && { error }) };
  }

  /** Monotonic milliseconds; null while there is no loop that could be stuck. */
  lastProgressAt(): number | null {
    return this.#handle && this.#state === 'running' ? this.#handle.lastProgressAt() : null;
  }

  /** Rejects when the pipeline could not finish what it had begun. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopping'));
    await this.#startingEnds(START_GRACE_MS);
    const handle = this.#handle;
    this.#handle = null;
    const halted = this.#state === 'halted';
    this.#state = 'stopped';
    try {
      await handle?.stop();
    } catch (error) {
      this.#deps.emit({ type: 'pipeline-stop-failed', error });
      throw error;
    }
    if (!halted) this.#deps.emit({ type: 'pipeline-stopped' });
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const backoffs = new Map<string, Backoff>();
    while (!signal.aborted) {
      try {
        return await this.#began(await this.#deps.start(signal));
      } catch (thrown) {
        if (signal.aborted) return;
        const error = asMillraceError(thrown);
        this.#deps.emit({ type: 'pipeline-start-failed', kind: error.kind });
        const policy = policyFor(error.kind);
        if (policy.reaction === 'halt') return this.#halt(error);
        const backoff =
          backoffs.get(error.kind) ?? new Backoff(policy.delayMs > 0 ? policy : DELAY_MIN, this.#deps.random);
        backoffs.set(error.kind, backoff);
        await this.#waitToRetry(error, backoff.next(), signal);
      }
    }
  }

  async #waitToRetry(error: MillraceError, retryInMs: number, signal: AbortSignal): Promise<void> {
    // One line when it begins and one when the reason changes; the rest is in the metrics.
    if (this.#error?.code !== error.code) this.#deps.emit({ type: 'pipeline-retrying', error, retryInMs });
    this.#error = error;
    this.#state = 'retrying';
    await this.#deps.clock.sleep(retryInMs, signal).catch(() => undefined);
  }

  async #startingEnds(graceMs: number): Promise<void> {
    const ended = new AbortController();
    const starting = this.#starting.finally(() => ended.abort());
    await Promise.race([starting, this.#deps.clock.sleep(graceMs, ended.signal).catch(() => undefined)]);
  }

  async #began(handle: PipelineHandle): Promise<void> {
    // Too late: the process has gone on to stop.
    if (this.#state === 'stopped') return handle.stop();
    this.#handle = handle;
    this.#error = null;
    this.#state = 'running';
    this.#deps.emit({ type: 'pipeline-started' });
    handle.done?.catch((error: unknown) => {
      if (!this.#stopping.signal.aborted) this.#deps.onFatal(error);
    });
  }

  #halt(error: MillraceError): void {
    this.#error = error;
    this.#state = 'halted';
    const remedy = error.remedy ?? '';
    this.#deps.emit({ type: 'pipeline-halted', code: error.code, remedy, error });
  }
}
