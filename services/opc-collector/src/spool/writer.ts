import { join } from 'node:path';
import type { SpoolSettings } from '@millrace/config';
import { Backoff, type Clock, crashPoint, policyFor } from '@millrace/core';
import type { Gap, GapReason } from '../domain/gap.ts';
import type { AppendFile, SpoolDisk } from '../ports.ts';
import { FRAME, FrameBuffer } from './frames.ts';
import { type Segment, type SpoolLog, segmentFile } from './log.ts';
import { newSegment } from './recover.ts';

export const FLUSH_MS = 250;
const FLUSH_BYTES = 1024 * 1024;
/** Held in memory while the disk does not take it; what comes on top is lost and counted. */
const MEMORY_BYTES_MAX = 16 * 1024 * 1024;
const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;
const SEGMENT_BYTES_MIN = 64 * 1024;
/** While readings are dropped, their count is written this often. */
const LOSS_NOTE_MS = 10_000;

export type SpoolEvent =
  | {
      readonly type: 'spool-failed';
      readonly server: string;
      readonly error: Error;
      readonly retryInMs: number;
    }
  | { readonly type: 'spool-recovered'; readonly server: string }
  | { readonly type: 'spool-full'; readonly server: string; readonly overflow: SpoolSettings['overflow'] }
  | { readonly type: 'spool-room'; readonly server: string }
  | {
      readonly type: 'readings-lost';
      readonly server: string;
      readonly count: number;
      readonly reason: GapReason;
    }
  | {
      readonly type: 'spooled';
      readonly server: string;
      readonly readings: number;
      readonly bytes: number;
      readonly ms: number;
    };

export interface WriterDeps {
  readonly disk: SpoolDisk;
  readonly clock: Clock;
  readonly settings: SpoolSettings;
  /** Avro schema of the bodies, as JSON. */
  readonly schema: string;
  readonly emit: (event: SpoolEvent) => void;
  /** For `overflow: block`: whether the server should hold its readings back. */
  readonly onBlocked?: (blocked: boolean) => void;
}

interface Loss {
  reason: GapReason;
  count: number;
  fromMs: number | null;
  toMs: number;
  since: number;
}

/**
 * Appends to a spool. `append` is memory only; the promise starts when a flush has synced, at the latest 250 ms
 * later. One flush at a time: write, sync, then the log may rely on it.
 *
 * A segment whose write or sync failed is given up at its last synced byte, and what was to go into it begins the
 * next one under the same sequence numbers: syncing the same file again could succeed without the bytes.
 */
export class SpoolWriter {
  readonly log: SpoolLog;
  readonly #deps: WriterDeps;
  readonly #segmentBytesMax: number;
  #filling = new FrameBuffer();
  #flushing = new FrameBuffer();
  #nextSequence = 1;
  #current: { readonly file: AppendFile; readonly segment: Segment } | null = null;
  #nextIndex = 0;
  #running: Promise<void> | null = null;
  #loss: Loss | null = null;
  #full = false;
  #failing: Backoff | null = null;
  #retryAt = 0;
  #stopped = new AbortController();
  #loop: Promise<void>;

  constructor(log: SpoolLog, deps: WriterDeps) {
    this.log = log;
    this.#deps = deps;
    this.#segmentBytesMax = Math.max(
      SEGMENT_BYTES_MIN,
      Math.min(SEGMENT_BYTES_MAX, Math.floor(deps.settings.bytesMax / 8)),
    );
    this.#loop = this.#flushRegularly();
  }

  /** Keeps one reading. False when it is lost (and counted). `timeMs`: the server's time of it. */
  append(key: string, body: Uint8Array, timeMs: number): boolean {
    const tooMuch = this.#filling.length + this.#flushing.length + body.length > MEMORY_BYTES_MAX;
    if (this.#full || tooMuch) {
      this.#lose(this.#full ? this.#fullReason : 'memory', timeMs);
      return false;
    }
    this.#filling.add(FRAME.reading, this.#nextSequence, timeMs, key, body);
    this.#nextSequence += 1;
    if (this.#filling.length >= FLUSH_BYTES) void this.#flush();
    return true;
  }

  addGap(gap: Gap): void {
    this.#filling.add(FRAME.gap, this.#nextSequence, gap.toMs, '', Buffer.from(JSON.stringify(gap)));
    this.#nextSequence += 1;
  }

  /** Resolves when everything appended so far is synced, or the disk refuses it. */
  async sync(): Promise<void> {
    await this.#flush();
    await this.#flush();
  }

  /** Syncs the rest and ends the spool. What the disk refuses is counted as lost in memory's name. */
  async seal(): Promise<void> {
    this.#stopped.abort(new Error('sealed'));
    await this.#loop;
    this.#noteLoss(true);
    this.#retryAt = 0;
    await this.sync();
    const unsynced = this.#filling.readings + this.#flushing.readings;
    const { server } = this.log.meta;
    if (unsynced > 0) this.#deps.emit({ type: 'readings-lost', server, count: unsynced, reason: 'memory' });
    await this.#closeCurrent();
    this.log.seal();
  }

  get #fullReason(): GapReason {
    return this.#deps.settings.overflow === 'block' ? 'blocked' : 'overflow';
  }

  async #flushRegularly(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#deps.clock.sleep(FLUSH_MS, signal).catch(() => undefined);
      if (!signal.aborted) await this.#flush();
    }
  }

  #flush(): Promise<void> {
    this.#running ??= this.#flushOnce().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #flushOnce(): Promise<void> {
    const { clock, emit } = this.#deps;
    const { server } = this.log.meta;
    this.#noteLoss(false);
    if (clock.monotonic() < this.#retryAt) return;
    const began = clock.monotonic();
    try {
      await this.#keepWithinBounds();
      await this.#rollWhenDue();
      // What a failed flush left over goes first.
      if (this.#flushing.frames === 0) this.#swap();
      if (this.#flushing.frames === 0) return;
      const { readings, length } = this.#flushing;
      await this.#writeOut();
      emit({ type: 'spooled', server, readings, bytes: length, ms: clock.monotonic() - began });
      if (this.#failing) emit({ type: 'spool-recovered', server });
      this.#failing = null;
    } catch (error) {
      this.#failing ??= new Backoff(policyFor('systemic'));
      const retryInMs = this.#failing.attempt === 0 ? 0 : this.#failing.next();
      if (this.#failing.attempt === 0) this.#failing.next();
      this.#retryAt = clock.monotonic() + retryInMs;
      emit({ type: 'spool-failed', server, error: asError(error), retryInMs });
      await this.#giveUpCurrent();
    }
  }

  #swap(): void {
    const empty = this.#flushing;
    this.#flushing = this.#filling;
    this.#filling = empty;
  }

  async #writeOut(): Promise<void> {
    const { file, segment } = this.#current ?? (await this.#open());
    const batch = this.#flushing;
    await file.write(batch.view);
    crashPoint('spool.after-write');
    await file.sync();
    crashPoint('spool.after-sync');
    segment.bytes += batch.length;
    segment.nextSequence += batch.frames;
    segment.readings += batch.readings;
    if (!(batch.firstMs >= segment.firstMs)) segment.firstMs = lower(segment.firstMs, batch.firstMs);
    if (!(batch.lastMs <= segment.lastMs)) segment.lastMs = higher(segment.lastMs, batch.lastMs);
    batch.clear();
    this.log.notify();
  }

  async #open(): Promise<{ readonly file: AppendFile; readonly segment: Segment }> {
    const { disk, clock, schema } = this.#deps;
    const index = this.#nextIndex;
    this.#nextIndex += 1;
    const firstSequence = this.#nextSequence - this.#filling.frames - this.#flushing.frames;
    const header = { index, firstSequence, openedAt: clock.now(), schema };
    const file = await disk.create(join(this.log.folder, segmentFile(index)));
    const frame = new FrameBuffer(1024);
    frame.add(FRAME.header, firstSequence, header.openedAt, '', Buffer.from(JSON.stringify(header)));
    await file.write(frame.view);
    const segment = newSegment(header, frame.length);
    this.#current = { file, segment };
    this.log.add(segment);
    return this.#current;
  }

  async #rollWhenDue(): Promise<void> {
    const segment = this.#current?.segment;
    if (!segment) return;
    const { clock, settings } = this.#deps;
    const old = clock.now() - segment.header.openedAt >= settings.rollMs;
    if (old || segment.bytes >= this.#segmentBytesMax) await this.#closeCurrent();
  }

  async #closeCurrent(): Promise<void> {
    const current = this.#current;
    if (!current) return;
    this.#current = null;
    current.segment.closed = true;
    this.log.notify();
    // Everything in it is synced: a failure to close loses nothing.
    await current.file.close().catch(() => undefined);
  }

  async #giveUpCurrent(): Promise<void> {
    await this.#closeCurrent();
  }

  async #keepWithinBounds(): Promise<void> {
    const { settings, clock, emit, onBlocked } = this.#deps;
    const { server } = this.log.meta;
    const tooOld = (): boolean => {
      const oldest = this.log.oldestDroppable;
      return oldest !== null && clock.now() - oldest.header.openedAt > settings.ageMaxMs + settings.rollMs;
    };
    const over = (): boolean => this.log.bytes + this.#filling.length > settings.bytesMax;
    while (tooOld() || (settings.overflow === 'dropOldest' && over())) {
      const dropped = await this.log.dropOldest();
      if (!dropped) break;
      emit({ type: 'readings-lost', server, count: dropped.readings, reason: 'overflow' });
    }
    const full = over();
    if (full === this.#full) return;
    this.#full = full;
    emit(full ? { type: 'spool-full', server, overflow: settings.overflow } : { type: 'spool-room', server });
    if (settings.overflow === 'block') onBlocked?.(full);
  }

  #lose(reason: GapReason, timeMs: number): void {
    if (this.#loss && this.#loss.reason !== reason) this.#noteLoss(true);
    this.#loss ??= {
      reason,
      count: 0,
      fromMs: timeMs,
      toMs: timeMs,
      since: this.#deps.clock.monotonic(),
    };
    this.#loss.count += 1;
    if (timeMs > this.#loss.toMs) this.#loss.toMs = timeMs;
  }

  /** Writes down what was lost: every 10 s, or at once when it is over. */
  #noteLoss(atOnce: boolean): void {
    const loss = this.#loss;
    if (!loss) return;
    const { clock, emit } = this.#deps;
    const over = !this.#full && this.#filling.length + this.#flushing.length < MEMORY_BYTES_MAX / 2;
    if (!atOnce && !over && clock.monotonic() - loss.since < LOSS_NOTE_MS) return;
    this.#loss = null;
    const { server } = this.log.meta;
    const { reason, count, fromMs, toMs } = loss;
    this.addGap({ server, fromMs, toMs, reason, lost: count });
    emit({ type: 'readings-lost', server, count, reason });
  }
}

function lower(x: number, y: number): number {
  return Number.isNaN(x) ? y : Number.isNaN(y) ? x : Math.min(x, y);
}

function higher(x: number, y: number): number {
  return Number.isNaN(x) ? y : Number.isNaN(y) ? x : Math.max(x, y);
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
