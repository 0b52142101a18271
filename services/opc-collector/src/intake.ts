import type { OpcuaPipeline } from '@millrace/config';
import { fieldText, joinKey, streamSchema, streamType } from '@millrace/contracts';
import type { Clock, RecordValue } from '@millrace/core';
import type { DataValue } from 'node-opcua-client';
import { fillReading, type Tag } from './adapters/opcua/reading.ts';
import type { Gap, GapReason } from './domain/gap.ts';
import type { SpoolWriter } from './spool/writer.ts';

/** Bit 7 of a data value's status: the queue overflowed. OPC UA Part 4, 7.39.1: info type 01, overflow. */
const OVERFLOW_MASK = 0x0480;
const QUEUE_GAP_MS = 1_000;

/** What a server sends, on its way into the spool: each reading encoded once, gaps where something is missing. */
export class Intake {
  readonly #server: string;
  readonly #writer: SpoolWriter;
  readonly #clock: Clock;
  readonly #type: ReturnType<typeof streamType>;
  readonly #keyOf: (record: RecordValue) => string;
  readonly #record: RecordValue = {};
  /** Newest reading kept, in the server's time. */
  #lastMs: number | null;
  #received = 0;
  /** Source time (ms) of the newest reading kept, by node: what history need not tell again. */
  readonly lastSource = new Map<string, number>();
  /** The spool is full and the server is to hold its readings back (`overflow: block`). */
  blocked = false;
  #queueGapAt = Number.NEGATIVE_INFINITY;

  constructor(
    server: string,
    pipeline: OpcuaPipeline,
    writer: SpoolWriter,
    clock: Clock,
    lastMs: number | null,
  ) {
    this.#server = server;
    this.#writer = writer;
    this.#clock = clock;
    this.#lastMs = lastMs;
    this.#type = streamType(streamSchema(pipeline, 'raw', pipeline.record.fields));
    const parts = pipeline.record.key.flatMap((name) =>
      pipeline.record.fields.filter((one) => one.name === name),
    );
    this.#keyOf = (record) => joinKey(parts.map(({ name, type }) => fieldText(type, record[name] ?? null)));
  }

  get lastMs(): number | null {
    return this.#lastMs;
  }

  get spoolBytes(): number {
    return this.#writer.log.bytes;
  }

  /** Readings since the last call. */
  takeCount(): number {
    const count = this.#received;
    this.#received = 0;
    return count;
  }

  /** The time that a value counts under: the server's, else ours. */
  timeOf(value: DataValue): number {
    return value.serverTimestamp?.getTime() ?? this.#clock.now();
  }

  keep(tag: Tag, value: DataValue, backfilled = false): void {
    this.#received += 1;
    const now = this.#clock.now();
    const timeMs = value.serverTimestamp?.getTime() ?? now;
    fillReading(this.#record, this.#server, tag, value, now, backfilled);
    const kept = this.#writer.append(this.#keyOf(this.#record), this.#type.toBuffer(this.#record), timeMs);
    const source = value.sourceTimestamp?.getTime();
    if (kept && !backfilled && source !== undefined) this.lastSource.set(tag.nodeId, source);
    if (!backfilled && (value.statusCode.value & OVERFLOW_MASK) === OVERFLOW_MASK)
      this.#queueOverflowed(timeMs);
    if (!backfilled && (this.#lastMs === null || timeMs > this.#lastMs)) this.#lastMs = timeMs;
  }

  addGap(reason: GapReason, fromMs: number, toMs: number): Gap {
    const gap: Gap = { server: this.#server, fromMs, toMs, reason, lost: null };
    this.#writer.addGap(gap);
    return gap;
  }

  /** One gap a second stands for all tags whose queue overflowed in it. */
  #queueOverflowed(timeMs: number): void {
    const now = this.#clock.monotonic();
    if (now - this.#queueGapAt < QUEUE_GAP_MS) return;
    this.#queueGapAt = now;
    this.addGap('queue', this.#lastMs ?? timeMs, timeMs);
  }
}
