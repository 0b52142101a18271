/** How far a reader of one partition is. */
export interface PartitionLag {
  readonly partition: number;
  /** Next offset it will read; null when it has not begun. */
  readonly next: number | null;
  readonly start: number;
  readonly end: number;
  /** Offsets between next and end. Transaction markers are among them, so that it rarely is exactly 0 records. */
  readonly lag: number;
  /** `lost`: what it wants was deleted. `ahead`: it is past the log's end, which is another log then. */
  readonly trouble: 'lost' | 'ahead' | null;
}

export function lagOf(partition: number, next: number | null, start: number, end: number): PartitionLag {
  const from = Math.max(next ?? start, start);
  const trouble = next === null ? null : next < start ? 'lost' : next > end ? 'ahead' : null;
  return { partition, next, start, end, lag: Math.max(0, end - from), trouble };
}

export function totalLag(partitions: readonly PartitionLag[]): number {
  return partitions.reduce((sum, { lag }) => sum + lag, 0);
}

/** `next` of a state topic's JSON record `next`; null for anything that is none. */
export function nextOf(value: Buffer): number | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value.toString('utf8'));
  } catch {
    // Written by a later version, or by somebody else: shown as not known.
    return null;
  }
  const next = typeof parsed === 'object' && parsed !== null && 'next' in parsed ? parsed.next : parsed;
  return typeof next === 'number' && Number.isSafeInteger(next) && next >= 0 ? next : null;
}
