import { final32, hash96 } from './hash.ts';

/**
 * A count of records with the sum of a 64-bit hash of (loadId, row) beside it, so that one lost and one doubled
 * record do not cancel. The sum is kept as two 32-bit lanes, each modulo 2^32: exact in JavaScript numbers.
 */
export interface Tally {
  n: number;
  a: number;
  b: number;
}

/** The part of a row's hash that is the same for all rows of a load: computed once per load. */
export interface LoadSeed {
  readonly a: number;
  readonly b: number;
}

export function emptyTally(): Tally {
  return { n: 0, a: 0, b: 0 };
}

export function loadSeed(loadId: string): LoadSeed {
  const bytes = Buffer.from(loadId, 'latin1');
  const lanes = new Uint32Array(3);
  hash96(bytes, bytes.length, lanes, 0);
  return { a: lanes[0] ?? 0, b: lanes[1] ?? 0 };
}

/** Counts one row. `row` is its ordinal in the load, from 1, an integer below 2^53. */
export function countRow(tally: Tally, seed: LoadSeed, row: number): void {
  const low = row | 0;
  const high = (row / 0x1_0000_0000) | 0;
  const a = final32(seed.a ^ final32(low + Math.imul(high, 0x9e3779b1)));
  const b = final32(seed.b + Math.imul(low, 0x85ebca77) + final32(high ^ a));
  tally.n += 1;
  tally.a = (tally.a + a) >>> 0;
  tally.b = (tally.b + b) >>> 0;
}

export function addTally(into: Tally, other: Readonly<Tally>): void {
  into.n += other.n;
  into.a = (into.a + other.a) >>> 0;
  into.b = (into.b + other.b) >>> 0;
}

export function sumTallies(tallies: Iterable<Readonly<Tally>>): Tally {
  const sum = emptyTally();
  for (const tally of tallies) addTally(sum, tally);
  return sum;
}

export function sameTally(x: Readonly<Tally>, y: Readonly<Tally>): boolean {
  return x.n === y.n && x.a === y.a && x.b === y.b;
}

/** `"<n>:<16 hex digits>"`, the form in ledger, state topics and the target's `millrace_load`. */
export function formatTally(tally: Readonly<Tally>): string {
  return `${tally.n}:${hex8(tally.a)}${hex8(tally.b)}`;
}

const TALLY = /^(\d{1,16}):([0-9a-f]{8})([0-9a-f]{8})$/;

/** Reads `formatTally`'s form; `null` for anything else. */
export function parseTally(text: string): Tally | null {
  const match = TALLY.exec(text);
  if (!match) return null;
  return {
    n: Number(match[1]),
    a: Number.parseInt(match[2] ?? '', 16),
    b: Number.parseInt(match[3] ?? '', 16),
  };
}

function hex8(x: number): string {
  return (x >>> 0).toString(16).padStart(8, '0');
}
