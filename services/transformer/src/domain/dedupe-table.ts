import { MillraceError } from '@millrace/core';

/** 2^25 slots of 16 bytes: 512 MiB. */
export const DEDUPE_SLOTS_MAX = 2 ** 25;
const SLOTS_MIN = 1024;
/** Linear probing stays short up to here. */
const FILL_MAX = 0.75;
/** At the bound, fewer free slots than these five per cent would only be swept again and again. */
const FULL = 0.7;

/**
 * A set of 96-bit hashes, each with the time bucket in which it came first. Open addressing with linear probing on
 * typed arrays: a JavaScript Map ends at 16.7 million entries and takes five times the memory. Nothing is removed
 * one by one: what has expired counts as absent, and is left out when the table would grow.
 *
 * Time is a bucket number from 1 (0 marks an empty slot) that never goes back.
 */
export class DedupeTable {
  readonly #windowBuckets: number;
  readonly #slotsMax: number;
  /** Three lanes per slot. */
  #lanes = new Uint32Array(3 * SLOTS_MIN);
  #buckets = new Uint32Array(SLOTS_MIN);
  #mask = SLOTS_MIN - 1;
  #used = 0;
  #now = 1;
  /** Where the last look-up ended: the slot of the key, or the empty one where it belongs. */
  #slot = 0;

  constructor(windowBuckets: number, slotsMax: number = DEDUPE_SLOTS_MAX) {
    this.#windowBuckets = windowBuckets;
    this.#slotsMax = slotsMax;
  }

  /** Slots taken, expired ones included. */
  get used(): number {
    return this.#used;
  }

  get bytes(): number {
    return this.#lanes.byteLength + this.#buckets.byteLength;
  }

  get now(): number {
    return this.#now;
  }

  advance(bucket: number): void {
    if (bucket > this.#now) this.#now = bucket;
  }

  /** Whether this key came within the window. */
  has(a: number, b: number, c: number): boolean {
    const slot = this.#find(a, b, c);
    this.#slot = slot;
    const bucket = this.#buckets[slot] ?? 0;
    return bucket !== 0 && bucket + this.#windowBuckets >= this.#now;
  }

  /** Adds the key of the last `has`, now. @throws MillraceError `systemic` when the table is full of live keys */
  add(a: number, b: number, c: number): void {
    this.#put(this.#slot, a, b, c, this.#now);
  }

  /** Puts back what the state topic holds; a later time of the same key replaces an earlier one. */
  restore(a: number, b: number, c: number, bucket: number): void {
    this.advance(bucket);
    this.#put(this.#find(a, b, c), a, b, c, bucket);
  }

  #find(a: number, b: number, c: number): number {
    const lanes = this.#lanes;
    const buckets = this.#buckets;
    const mask = this.#mask;
    let slot = a & mask;
    while (buckets[slot] !== 0) {
      const at = slot * 3;
      if (lanes[at] === a && lanes[at + 1] === b && lanes[at + 2] === c) return slot;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #put(slot: number, a: number, b: number, c: number, bucket: number): void {
    let target = slot;
    if (this.#buckets[slot] === 0) {
      if (this.#used + 1 > (this.#mask + 1) * FILL_MAX) {
        this.#rehash();
        target = this.#find(a, b, c);
      }
      this.#used += 1;
    }
    this.#lanes[target * 3] = a;
    this.#lanes[target * 3 + 1] = b;
    this.#lanes[target * 3 + 2] = c;
    this.#buckets[target] = bucket;
  }

  /** Leaves the expired out; grows only if more than half of the slots would still be taken. */
  #rehash(): void {
    const lanes = this.#lanes;
    const buckets = this.#buckets;
    const oldest = this.#now - this.#windowBuckets;
    let live = 0;
    for (let i = 0; i < buckets.length; i += 1) if (isLive(buckets[i], oldest)) live += 1;
    const slots = live > buckets.length / 2 ? Math.min(buckets.length * 2, this.#slotsMax) : buckets.length;
    if (live > slots * FULL) throw full(live);
    this.#lanes = new Uint32Array(3 * slots);
    this.#buckets = new Uint32Array(slots);
    this.#mask = slots - 1;
    this.#used = live;
    for (let i = 0; i < buckets.length; i += 1) {
      const bucket = buckets[i] ?? 0;
      if (!isLive(bucket, oldest)) continue;
      const at = i * 3;
      const a = lanes[at] ?? 0;
      const b = lanes[at + 1] ?? 0;
      const c = lanes[at + 2] ?? 0;
      const slot = this.#find(a, b, c);
      this.#lanes[slot * 3] = a;
      this.#lanes[slot * 3 + 1] = b;
      this.#lanes[slot * 3 + 2] = c;
      this.#buckets[slot] = bucket;
    }
  }
}

function isLive(bucket: number | undefined, oldest: number): boolean {
  return bucket !== undefined && bucket !== 0 && bucket >= oldest;
}

function full(keys: number): MillraceError {
  return new MillraceError({
    kind: 'systemic',
    code: 'MR-TRANSFORM-DEDUPE-FULL',
    message: `the dedupe table of one partition holds ${keys} keys within the window, which is its bound`,
    remedy: 'Shorten the dedupe window, or drain and start a generation with more partitions.',
  });
}
