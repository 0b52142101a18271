import type { Pipeline } from '@millrace/config';
import {
  type DeadLetter,
  deadLetterHeaders,
  deadLetterKey,
  FILE_TIME_HEADER,
  LEDGER_PARTITIONS,
  LEDGER_TOPIC,
  type LedgerEntry,
  ledgerKey,
  MARK_HEADER,
  type Task,
  topics,
} from '@millrace/contracts';
import { type Clock, crashPoint, partitionFor, type RecordValue } from '@millrace/core';
import type { Outbox, TransactionalProducer } from '@millrace/kafka';
import type { Encoders } from './encoders.ts';
import type { Lane } from './lane.ts';

export const COMMIT_ROWS_MAX = 10_000;
export const COMMIT_BYTES_MAX = 8 * 1024 * 1024;
export const COMMIT_AFTER_MS = 5_000;
/** Below Kafka's default `max.message.bytes`, with room for key and headers. */
const RECORD_BYTES_MAX = 900_000;
const KEY_BYTES_MAX = 64 * 1024;

export interface PublisherDeps {
  readonly pipeline: Pipeline;
  /** The task partition, whose state this publisher alone writes. */
  readonly partition: number;
  readonly producer: TransactionalProducer;
  readonly lane: Lane;
  readonly encoders: Encoders;
  readonly newOutbox: () => Outbox;
  readonly clock: Clock;
}

/**
 * Gathers what belongs into one transaction (rows, dead letters, tasks, state, ledger) and commits it as one send.
 * While one transaction is on its way the next one is filled. State and ledger entries of the same key replace
 * each other within a transaction.
 *
 * After an error every call rejects with it: the partition has to be taken over again, and the state topic tells
 * how far it came.
 */
export class Publisher {
  /** Called before each flush, so that whoever is inside a file adds its progress up to the last row. */
  beforeFlush: (() => void) | null = null;
  /** Called with what a flush held once it is committed. */
  onCommitted: ((rows: number, ms: number) => void) | null = null;
  /** Called when a background flush fails, so that whoever waits for its source stops waiting. */
  onFailure: ((error: unknown) => void) | null = null;

  readonly #deps: PublisherDeps;
  readonly #topics: {
    readonly raw: string;
    readonly dead: string;
    readonly tasks: string;
    readonly state: string;
  };
  #outbox: Outbox;
  #spare: Outbox;
  #rows = 0;
  #bytes = 0;
  readonly #state = new Map<string, unknown>();
  readonly #ledger = new Map<string, LedgerEntry>();
  #inFlight: Promise<void> | null = null;
  #failure: { readonly error: unknown } | null = null;
  #timer: AbortController | null = null;
  readonly #key = Buffer.allocUnsafe(KEY_BYTES_MAX);

  constructor(deps: PublisherDeps) {
    const { pipeline } = deps;
    this.#deps = deps;
    this.#outbox = deps.newOutbox();
    this.#spare = deps.newOutbox();
    this.#topics = {
      raw: topics.raw(pipeline),
      dead: topics.deadLetters(pipeline),
      tasks: topics.tasks(pipeline),
      state: topics.state(pipeline, 'ingest'),
    };
  }

  get full(): boolean {
    return this.#rows >= COMMIT_ROWS_MAX || this.#bytes >= COMMIT_BYTES_MAX;
  }

  /** False when the record is too large for Kafka; nothing was added then. */
  addRow(key: string, record: RecordValue, mark: string, fileTime: string): boolean {
    if (key.length * 3 > KEY_BYTES_MAX) return false;
    const keyBytes = this.#key.subarray(0, this.#key.write(key, 'utf8'));
    return this.addEncodedRow(keyBytes, this.#deps.encoders.raw.encode(record), mark, fileTime);
  }

  /** The same for a row that is encoded already, with the schema's id in front. */
  addEncodedRow(keyBytes: Uint8Array, value: Uint8Array, mark: string, fileTime: string): boolean {
    if (value.length > RECORD_BYTES_MAX || keyBytes.length > KEY_BYTES_MAX) return false;
    const partition = partitionFor(keyBytes, this.#deps.pipeline.partitions);
    this.#outbox.add(this.#topics.raw, partition, keyBytes, value, [
      [MARK_HEADER, mark],
      [FILE_TIME_HEADER, fileTime],
    ]);
    this.#rows += 1;
    this.#bytes += value.length + keyBytes.length;
    this.#startTimer();
    return true;
  }

  addDeadLetter(letter: DeadLetter): void {
    const key = Buffer.from(deadLetterKey(letter));
    const partition = partitionFor(key, this.#deps.pipeline.partitions);
    const value = this.#deps.encoders.deadLetter.encode(letter);
    this.#outbox.add(this.#topics.dead, partition, key, value, deadLetterHeaders(letter));
    this.#rows += 1;
    this.#bytes += value.length;
    this.#startTimer();
  }

  addTask(task: Task): void {
    const key = Buffer.from(`${task.source}/${task.path}`);
    const partition = partitionFor(key, this.#deps.pipeline.partitions);
    this.#outbox.add(this.#topics.tasks, partition, key, this.#deps.encoders.task.encode(task));
    this.#startTimer();
  }

  /** A state entry of this partition; null removes it. */
  setState(key: string, value: unknown): void {
    this.#state.set(key, value);
    this.#startTimer();
  }

  setLedger(entry: LedgerEntry): void {
    this.#ledger.set(ledgerKey(entry), entry);
    this.#startTimer();
  }

  /** Commits what was gathered; resolves when it and all before it are committed. */
  async flush(): Promise<void> {
    await this.startFlush();
    await this.#inFlight;
    this.#check();
  }

  /** Hands what was gathered to a transaction as soon as the previous one has ended. */
  async startFlush(): Promise<void> {
    while (this.#inFlight) await this.#inFlight;
    this.#check();
    this.beforeFlush?.();
    this.#timer?.abort();
    this.#timer = null;
    this.#addStateAndLedger();
    if (this.#outbox.count === 0) return;
    const outbox = this.#outbox;
    const rows = this.#rows;
    this.#outbox = this.#spare;
    this.#spare = outbox;
    this.#rows = 0;
    this.#bytes = 0;
    this.#inFlight = this.#commit(outbox, rows).then(
      () => {
        this.#inFlight = null;
      },
      (error: unknown) => {
        this.#inFlight = null;
        this.#failure = { error };
        this.onFailure?.(error);
      },
    );
  }

  /** Stops the timer; nothing is flushed any more. */
  close(): void {
    this.#failure ??= { error: new Error('publisher is closed') };
    this.#timer?.abort();
    this.#timer = null;
  }

  async #commit(outbox: Outbox, rows: number): Promise<void> {
    const { lane, producer, clock } = this.#deps;
    const began = clock.monotonic();
    await lane.run(async () => {
      await producer.send(outbox);
      crashPoint('ingest.after-send');
      crashPoint('ingest.before-commit');
      await producer.commit();
      crashPoint('ingest.after-commit');
    });
    outbox.clear();
    this.onCommitted?.(rows, clock.monotonic() - began);
  }

  #addStateAndLedger(): void {
    for (const [key, value] of this.#state) {
      const bytes = value === null ? null : Buffer.from(JSON.stringify(value));
      this.#outbox.add(this.#topics.state, this.#deps.partition, key, bytes);
    }
    this.#state.clear();
    for (const [key, entry] of this.#ledger) {
      const bytes = Buffer.from(key);
      const partition = partitionFor(bytes, LEDGER_PARTITIONS);
      this.#outbox.add(LEDGER_TOPIC, partition, bytes, this.#deps.encoders.ledger.encode(entry));
    }
    this.#ledger.clear();
  }

  #check(): void {
    if (this.#failure) throw this.#failure.error;
  }

  /** Runs from the first thing gathered; a source that stalls cannot hold it back. */
  #startTimer(): void {
    if (this.#timer || this.#failure) return;
    const timer = new AbortController();
    this.#timer = timer;
    this.#deps.clock.sleep(COMMIT_AFTER_MS, timer.signal).then(
      () => this.startFlush().catch((error: unknown) => this.onFailure?.(error)),
      // Aborted: what it waited for was flushed earlier.
      () => undefined,
    );
  }
}
