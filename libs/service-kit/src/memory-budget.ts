/**
 * What records may take of a process's memory: as configured, but never more than a quarter of V8's heap, so that a
 * container with a small heap slows down instead of ending. Bytes.
 */
export function recordBudget(configuredBytes: number, heapLimitBytes: number): number {
  return Math.min(configuredBytes, Math.floor(heapLimitBytes / 4));
}
