import { join } from 'node:path';
import type { SpoolDisk } from '../ports.ts';

/** What stands in `owner.json` of a spool. */
export interface SpoolMeta {
  readonly spoolId: string;
  readonly server: string;
  readonly pid: number;
  /** What the system says when that process began; tells a pid that is used again. */
  readonly processStart: string;
  readonly host: string;
}

/** What stands in the first frame of a segment. */
export interface SegmentHeader {
  readonly index: number;
  readonly firstSequence: number;
  readonly openedAt: number;
  /** Avro schema of the readings' bodies, as JSON. */
  readonly schema: string;
}

/** A segment as far as it can be relied on. */
export interface Segment {
  readonly header: SegmentHeader;
  /** Bytes that were synced, or found whole at recovery. */
  bytes: number;
  /** Behind the last frame in them. */
  nextSequence: number;
  readings: number;
  firstMs: number;
  lastMs: number;
  /** Nothing follows in it. */
  closed: boolean;
  /** Its file is gone: what was in it is lost. */
  dropped: boolean;
  /** Frames that damage has taken, told by where the next segment begins. */
  missing: number;
}

export const segmentFile = (index: number): string => `${String(index).padStart(8, '0')}.seg`;
export const dropFile = (index: number): string => `${String(index).padStart(8, '0')}.dropped`;

/**
 * The segments of one spool between the one who writes and the one who publishes. The publisher goes through them
 * in order; whatever it has begun is never dropped under it.
 */
export class SpoolLog {
  readonly folder: string;
  readonly meta: SpoolMeta;
  readonly #disk: SpoolDisk;
  readonly #segments = new Map<number, Segment>();
  #last = -1;
  /** No more segments will come. */
  #sealed = false;
  /** Index of the segment that is being published, or of the last that was. */
  #begun = -1;
  #waiting: (() => void)[] = [];

  constructor(disk: SpoolDisk, folder: string, meta: SpoolMeta) {
    this.#disk = disk;
    this.folder = folder;
    this.meta = meta;
  }

  get sealed(): boolean {
    return this.#sealed;
  }

  /** Bytes on disk that are not published. */
  get bytes(): number {
    let sum = 0;
    for (const segment of this.#segments.values()) if (!segment.dropped) sum += segment.bytes;
    return sum;
  }

  /** Lowest index that is still there; null when all are gone. */
  get first(): number | null {
    for (const index of this.#segments.keys()) return index;
    return null;
  }

  get lastIndex(): number {
    return this.#last;
  }

  /** Time of the newest reading in it; null when there is none. */
  get lastReadingMs(): number | null {
    let last = Number.NaN;
    for (const segment of this.#segments.values())
      if (!(segment.lastMs <= last)) last = Number.isNaN(segment.lastMs) ? last : segment.lastMs;
    return Number.isNaN(last) ? null : last;
  }

  segment(index: number): Segment | undefined {
    return this.#segments.get(index);
  }

  add(segment: Segment): void {
    this.#segments.set(segment.header.index, segment);
    this.#last = Math.max(this.#last, segment.header.index);
    this.notify();
  }

  seal(): void {
    this.#sealed = true;
    this.notify();
  }

  /** From here on the segment is not dropped. False when it is gone already. */
  begin(index: number): boolean {
    this.#begun = Math.max(this.#begun, index);
    return this.#segments.get(index)?.dropped === false;
  }

  /** The segment is published: its file goes. */
  async release(index: number): Promise<void> {
    this.#segments.delete(index);
    await this.#disk.remove(join(this.folder, segmentFile(index)));
    await this.#disk.remove(join(this.folder, dropFile(index)));
  }

  /** Drops the oldest closed segment that nobody has begun; null when there is none. */
  async dropOldest(): Promise<Segment | null> {
    for (const segment of this.#segments.values()) {
      if (!segment.closed || segment.dropped || segment.header.index <= this.#begun) continue;
      segment.dropped = true;
      // First the note of what is lost, then the loss: a crash in between drops it again.
      const note = { ...segment, firstMs: orNull(segment.firstMs), lastMs: orNull(segment.lastMs) };
      await this.#disk.replace(
        join(this.folder, dropFile(segment.header.index)),
        Buffer.from(JSON.stringify(note)),
      );
      await this.#disk.remove(join(this.folder, segmentFile(segment.header.index)));
      this.notify();
      return segment;
    }
    return null;
  }

  /** The oldest segment that could be dropped. */
  get oldestDroppable(): Segment | null {
    for (const segment of this.#segments.values())
      if (segment.closed && !segment.dropped && segment.header.index > this.#begun) return segment;
    return null;
  }

  /** Resolves at the next change. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = (): void => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(() => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
    });
  }

  notify(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
