import { MillraceError } from '@millrace/core';
import type { DedupeTable } from './dedupe-table.ts';

/** Hashes in one state record: 12 KiB. */
export const CHUNK_HASHES_MAX = 1024;
const HASH_BYTES = 12;
const HEADER_BYTES = 9;
const VERSION = 1;
export const DEDUPE_KEY_PREFIX = 'dedupe/';

/** A record of the state topic; null is a tombstone. */
export interface StateChange {
  readonly key: string;
  readonly value: Uint8Array | null;
}

interface OpenChunk {
  readonly key: string;
  readonly bucket: number;
  readonly bytes: Buffer;
  count: number;
}

/** How stream time is cut: buckets of 1/256 of the window, at least a second. */
export interface DedupeTime {
  readonly bucketMs: number;
  readonly windowBuckets: number;
}

export function dedupeTime(windowMs: number): DedupeTime {
  const bucketMs = Math.max(1000, Math.ceil(windowMs / 256));
  return { bucketMs, windowBuckets: Math.ceil(windowMs / bucketMs) };
}

/** From 1, since 0 marks an empty slot; a record from before 1970 is as old as it gets. */
export function bucketOf(timestampMs: number, { bucketMs }: DedupeTime): number {
  return Math.max(1, Math.floor(timestampMs / bucketMs));
}

/**
 * The dedupe entries as the state topic keeps them: chunks of hashes that came first in the same time bucket. The
 * last chunk stays open and is written again under its key while it grows. Layout of a value, little endian:
 * version byte 1, start of the bucket in milliseconds as float64, then 12 bytes a hash.
 */
export class DedupeLog {
  readonly #time: DedupeTime;
  /** Key → bucket, oldest first, the open one excluded. */
  readonly #closed = new Map<string, number>();
  #open: OpenChunk | null = null;
  /** Chunks to be written with this transaction. */
  #dirty = new Set<OpenChunk>();

  constructor(time: DedupeTime) {
    this.#time = time;
  }

  get chunks(): number {
    return this.#closed.size + (this.#open === null ? 0 : 1);
  }

  /** `offset`: of the record that brought the key; the first of a chunk names it. Buckets never go back. */
  add(offset: number, bucket: number, a: number, b: number, c: number): void {
    let open = this.#open;
    if (open === null || open.bucket !== bucket || open.count === CHUNK_HASHES_MAX) {
      if (open !== null) this.#closed.set(open.key, open.bucket);
      open = this.#start(`${DEDUPE_KEY_PREFIX}${offset}`, bucket);
    }
    const at = HEADER_BYTES + open.count * HASH_BYTES;
    open.bytes.writeUInt32LE(a, at);
    open.bytes.writeUInt32LE(b, at + 4);
    open.bytes.writeUInt32LE(c, at + 8);
    open.count += 1;
    this.#dirty.add(open);
  }

  /** What this transaction has to write: the chunks that grew, and tombstones for those that expired by `now`. */
  takeChanges(now: number): StateChange[] {
    const changes: StateChange[] = [];
    for (const chunk of this.#dirty)
      changes.push({
        key: chunk.key,
        value: chunk.bytes.subarray(0, HEADER_BYTES + chunk.count * HASH_BYTES),
      });
    this.#dirty.clear();
    for (const [key, bucket] of this.#closed) {
      if (bucket + this.#time.windowBuckets >= now) break;
      changes.push({ key, value: null });
      this.#closed.delete(key);
    }
    return changes;
  }

  /** One record of the state topic, in offset order. The bytes are copied. */
  restore(key: string, value: Buffer | null, table: DedupeTable): void {
    if (value === null) {
      // Hashes of an expired chunk may stay in the table: they have expired there as well.
      this.#closed.delete(key);
      if (this.#open?.key === key) this.#open = null;
      return;
    }
    if (value[0] !== VERSION || (value.length - HEADER_BYTES) % HASH_BYTES !== 0) throw unreadable(key);
    const bucket = bucketOf(value.readDoubleLE(1), this.#time);
    for (let at = HEADER_BYTES; at < value.length; at += HASH_BYTES)
      table.restore(value.readUInt32LE(at), value.readUInt32LE(at + 4), value.readUInt32LE(at + 8), bucket);
    if (this.#open !== null && this.#open.key !== key) this.#closed.set(this.#open.key, this.#open.bucket);
    const open = this.#start(key, bucket);
    value.copy(open.bytes);
    open.count = (value.length - HEADER_BYTES) / HASH_BYTES;
  }

  #start(key: string, bucket: number): OpenChunk {
    const bytes = Buffer.allocUnsafe(HEADER_BYTES + CHUNK_HASHES_MAX * HASH_BYTES);
    bytes[0] = VERSION;
    bytes.writeDoubleLE(bucket * this.#time.bucketMs, 1);
    this.#open = { key, bucket, bytes, count: 0 };
    return this.#open;
  }
}

function unreadable(key: string): MillraceError {
  return new MillraceError({
    kind: 'halt',
    code: 'MR-TRANSFORM-STATE-UNREADABLE',
    message: `the state record ${key} cannot be read`,
    remedy: 'It was written by a newer version, or by something else. Run the version that wrote it.',
  });
}
