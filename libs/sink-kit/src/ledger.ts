import {
  LEDGER_PARTITIONS,
  LEDGER_TOPIC,
  type LedgerEntry,
  ledgerEntry,
  ledgerKey,
  NO_LOAD,
} from '@millrace/contracts';
import { type Clock, formatTally, partitionFor } from '@millrace/core';
import type { WireEncoder } from '@millrace/kafka';
import type { FencedPublisher } from './fenced-publisher.ts';
import type { LoadCounts } from './port.ts';

export interface LedgerOptions {
  readonly pipeline: string;
  /** `sink.<name>`. */
  readonly stage: string;
  readonly output: string;
  readonly partition: number;
  readonly encoder: WireEncoder;
  readonly clock: Clock;
}

/** One send. */
const ENTRIES_MAX = 2_000;

/**
 * Publishes a partition's counts beside the batches: one send at a time, the counts that arrive meanwhile fold by
 * load into the next. What a crash leaves out, the next claim publishes (`through`).
 *
 * An entry replaces its predecessor, so a process that has lost the partition must not send an old one: the publisher
 * is fenced by the next claim, before that reads the counts.
 */
export class LedgerPublisher {
  readonly #publisher: Pick<FencedPublisher, 'newOutbox' | 'publish'>;
  readonly #options: LedgerOptions;
  readonly #pending = new Map<string, LoadCounts>();
  #pendingThrough: number;
  #sending: Promise<void> | null = null;
  #failure: unknown = null;
  /** Counts of runs that end at or below this offset are in the ledger. */
  through: number;

  constructor(
    publisher: Pick<FencedPublisher, 'newOutbox' | 'publish'>,
    options: LedgerOptions,
    through: number,
  ) {
    this.#publisher = publisher;
    this.#options = options;
    this.through = through;
    this.#pendingThrough = through;
  }

  /** Says where this sink began: right after a claim, and waited for. */
  async start(offset: number): Promise<void> {
    const { output } = this.#options;
    await this.#send([this.#entry(NO_LOAD, 0, { sinkStart: { output, offset } })]);
  }

  /** The counts as the target just gave them, of everything up to `through`. */
  publish(counts: readonly LoadCounts[], through: number): void {
    this.check();
    for (const one of counts) this.#pending.set(one.loadId, one);
    this.#pendingThrough = Math.max(this.#pendingThrough, through);
    if (this.#sending !== null) return;
    // Without anything to wait for, sending would be over before it is noted here, and never begin again.
    if (this.#pending.size === 0) this.through = this.#pendingThrough;
    else this.#sending = this.#sendPending();
  }

  /** Waits until all that was given is acknowledged. */
  async flush(): Promise<void> {
    await this.#sending;
    this.check();
  }

  /** Throws what a send behind the scenes has failed with: without it an idle partition would never tell. */
  check(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  async #sendPending(): Promise<void> {
    try {
      while (this.#pending.size > 0) {
        const through = this.#pendingThrough;
        const counts = [...this.#pending.values()];
        this.#pending.clear();
        for (let i = 0; i < counts.length; i += ENTRIES_MAX) {
          await this.#send(counts.slice(i, i + ENTRIES_MAX).map((one) => this.#countsEntry(one)));
        }
        this.through = through;
      }
    } catch (error) {
      this.#failure = error;
    } finally {
      this.#sending = null;
    }
  }

  async #send(entries: readonly LedgerEntry[]): Promise<void> {
    const { encoder } = this.#options;
    const outbox = this.#publisher.newOutbox();
    for (const entry of entries) {
      const key = Buffer.from(ledgerKey(entry));
      outbox.add(LEDGER_TOPIC, partitionFor(key, LEDGER_PARTITIONS), key, encoder.encode(entry));
    }
    await this.#publisher.publish(outbox);
  }

  #countsEntry(counts: LoadCounts): LedgerEntry {
    const { inserted, updated, unchanged, superseded } = counts;
    return this.#entry(counts.loadId, counts.part, {
      sink: {
        output: this.#options.output,
        applied: formatTally(counts.applied),
        inserted,
        updated,
        unchanged,
        superseded,
        rejected: formatTally(counts.rejected),
        resolved: formatTally(counts.resolved),
      },
    });
  }

  #entry(loadId: string, part: number, body: Parameters<typeof ledgerEntry>[1]): LedgerEntry {
    const { pipeline, stage, partition, clock } = this.#options;
    return ledgerEntry({ pipeline, loadId, stage, partition, part, at: clock.now() }, body);
  }
}
