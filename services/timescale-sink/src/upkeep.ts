import type { AggregateDef, TimeSeriesDef } from '@millrace/config';
import { asMillraceError, Backoff, type Clock, type Random } from '@millrace/core';
import type { UpkeepEvent } from './events.ts';
import type { Dropped, UpkeepSession } from './ports.ts';

/** How often a process asks whether the leader has gone. */
const STANDBY_MS = 5_000;
/** A leader lets no more time pass between two words to the server, which ends idle sessions after 60 s. */
const IDLE_MS = 20_000;
const AGGREGATE_RETENTION_MS = 3_600_000;
/** Steps of one run: what is left then waits for the next. */
const STEPS_MAX = 10_000;
const BACKOFF = { delayMs: 1_000, maxDelayMs: 30_000 };

export interface UpkeepOptions {
  readonly table: string;
  readonly series: TimeSeriesDef;
  readonly open: () => Promise<UpkeepSession>;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: (event: UpkeepEvent) => void;
}

interface Task {
  readonly everyMs: number;
  dueAt: number;
  run(): Promise<void>;
}

/**
 * Looks after a series: one process at a time refreshes its aggregates and drops what is beyond retention. The others
 * stand by. Whatever fails, the session is given up and begun again.
 */
export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #state: 'starting' | 'standby' | 'leading' | 'trouble' = 'starting';
  #told: string | null = null;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#done = this.#loop();
  }

  get state(): string {
    return this.#state;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #loop(): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#stop;
    const backoff = new Backoff(BACKOFF, random);
    while (!signal.aborted) {
      try {
        await this.#session(backoff);
      } catch (thrown) {
        if (signal.aborted) return;
        this.#trouble(thrown);
        await this.#sleep(clock, backoff.next());
      }
    }
  }

  async #session(backoff: Backoff): Promise<void> {
    const { open, clock, emit } = this.#options;
    const { signal } = this.#stop;
    const session = await open();
    // A step may take long; what is cut off is rolled back and done again by the next leader.
    const end = (): void => void session.close();
    signal.addEventListener('abort', end, { once: true });
    try {
      signal.throwIfAborted();
      while (!(await session.lead())) {
        this.#state = 'standby';
        this.#recovered();
        await this.#sleep(clock, STANDBY_MS);
        if (signal.aborted) return;
      }
      await session.prepare();
      this.#state = 'leading';
      emit({ type: 'leading' });
      const tasks = this.#tasks(session);
      while (!signal.aborted) {
        const next = tasks.reduce(
          (first, task) => (task.dueAt < first.dueAt ? task : first),
          idleTask(clock, session),
        );
        await this.#sleep(clock, next.dueAt - clock.monotonic());
        if (signal.aborted) return;
        await next.run();
        next.dueAt = clock.monotonic() + next.everyMs;
        this.#recovered();
        backoff.reset();
      }
    } finally {
      signal.removeEventListener('abort', end);
      await session.close();
    }
  }

  #tasks(session: UpkeepSession): readonly Task[] {
    const { series, clock, table } = this.#options;
    const dueAt = clock.monotonic();
    const { aggregates, retention } = series;
    const tasks: Task[] = aggregates.map((aggregate) => ({
      everyMs: aggregate.everyMs,
      dueAt,
      run: () => this.#refresh(session, aggregate),
    }));
    if (retention !== null) {
      const run = async (): Promise<void> => {
        // The cut goes no further than what the aggregates have seen: let them see all there is.
        for (const aggregate of aggregates) await this.#refresh(session, aggregate);
        await this.#drop(table, () => session.trim());
      };
      tasks.push({ everyMs: retention.everyMs, dueAt, run });
    }
    for (const aggregate of aggregates) {
      const { retentionMs, name } = aggregate;
      if (retentionMs === null) continue;
      const run = () => this.#drop(name, () => session.trimAggregate(aggregate, retentionMs));
      tasks.push({ everyMs: retention?.everyMs ?? AGGREGATE_RETENTION_MS, dueAt, run });
    }
    return tasks;
  }

  async #refresh(session: UpkeepSession, aggregate: AggregateDef): Promise<void> {
    const { clock, emit } = this.#options;
    const began = clock.monotonic();
    let buckets = 0;
    let late = 0;
    for (let step = 0; step < STEPS_MAX && !this.#stop.signal.aborted; step += 1) {
      const done = await session.refresh(aggregate);
      buckets += done.buckets;
      late += done.late;
      if (!done.more) break;
    }
    if (buckets > 0) {
      const seconds = (clock.monotonic() - began) / 1_000;
      emit({ type: 'refreshed', aggregate: aggregate.name, buckets, seconds });
    }
    if (late > 0) emit({ type: 'late', aggregate: aggregate.name, buckets: late });
  }

  async #drop(table: string, step: () => Promise<Dropped>): Promise<void> {
    let chunks = 0;
    let rows = 0;
    let before = '';
    for (let steps = 0; steps < STEPS_MAX && !this.#stop.signal.aborted; steps += 1) {
      const done = await step();
      chunks += done.chunks;
      rows += done.rows;
      before = done.before;
      if (!done.more) break;
    }
    if (chunks > 0 || rows > 0) this.#options.emit({ type: 'dropped', table, chunks, rows, before });
  }

  #trouble(thrown: unknown): void {
    const { kind, code, message, remedy = '' } = asMillraceError(thrown);
    this.#state = 'trouble';
    if (this.#told === code) return;
    this.#told = code;
    this.#options.emit({ type: 'upkeepTrouble', kind, code, message, remedy });
  }

  #recovered(): void {
    if (this.#told === null) return;
    this.#told = null;
    this.#options.emit({ type: 'upkeepRecovered' });
  }

  /** Ends early, without an error, when the process stops. */
  async #sleep(clock: Clock, ms: number): Promise<void> {
    if (ms > 0) await clock.sleep(ms, this.#stop.signal).catch(() => undefined);
  }
}

/** What a leader does when nothing is due: it shows that it lives, and notices when its session has ended. */
function idleTask(clock: Clock, session: UpkeepSession): Task {
  return { everyMs: IDLE_MS, dueAt: clock.monotonic() + IDLE_MS, run: () => session.keepAlive() };
}
