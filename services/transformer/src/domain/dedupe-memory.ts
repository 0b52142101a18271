import { hash96 } from '@millrace/core';
import { bucketOf, DedupeLog, type DedupeTime, dedupeTime, type StateChange } from './dedupe-log.ts';
import { DedupeTable } from './dedupe-table.ts';

/** The dedupe state of one partition: the table that answers, and the log that the state topic keeps. */
export class DedupeMemory {
  readonly #time: DedupeTime;
  readonly #table: DedupeTable;
  readonly #log: DedupeLog;
  readonly #now: () => number;
  #scratch = Buffer.allocUnsafe(1024);
  readonly #lanes = new Uint32Array(3);
  /** The wall clock when the batch began: no record is newer than that (ADR 0008, case 7). */
  #latest = 0;

  constructor(windowMs: number, now: () => number, slotsMax?: number) {
    this.#time = dedupeTime(windowMs);
    this.#table = new DedupeTable(this.#time.windowBuckets, slotsMax);
    this.#log = new DedupeLog(this.#time);
    this.#now = now;
  }

  /** Bytes of the table. */
  get bytes(): number {
    return this.#table.bytes;
  }

  get chunks(): number {
    return this.#log.chunks;
  }

  beginBatch(): void {
    this.#latest = this.#now();
  }

  /** Stream time, milliseconds, cut to its bucket. */
  get streamTime(): number {
    return this.#table.now * this.#time.bucketMs;
  }

  advance(timestampMs: number): void {
    this.#table.advance(bucketOf(Math.min(timestampMs, this.#latest), this.#time));
  }

  /** Whether this key came within the window. */
  has(key: string): boolean {
    const lanes = this.#lanes;
    if (key.length * 3 > this.#scratch.length) this.#scratch = Buffer.allocUnsafe(key.length * 3);
    const length = this.#scratch.write(key);
    hash96(this.#scratch, length, lanes, 0);
    return this.#table.has(lanes[0] ?? 0, lanes[1] ?? 0, lanes[2] ?? 0);
  }

  /** Remembers the key of the last `has`; `offset` is that of its record. */
  add(offset: number): void {
    const a = this.#lanes[0] ?? 0;
    const b = this.#lanes[1] ?? 0;
    const c = this.#lanes[2] ?? 0;
    this.#table.add(a, b, c);
    this.#log.add(offset, this.#table.now, a, b, c);
  }

  takeChanges(): StateChange[] {
    return this.#log.takeChanges(this.#table.now);
  }

  restore(key: string, value: Buffer | null): void {
    this.#log.restore(key, value, this.#table);
  }

  /** Stream time as the state topic has it; may be ahead of the newest entry. */
  restoreTime(timestampMs: number): void {
    this.#table.advance(bucketOf(timestampMs, this.#time));
  }
}
