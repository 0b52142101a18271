/**
 * A span that is missing. `lost` is exact where we dropped readings ourselves, null where only the server could
 * know. Times are the server's where it tells them, else ours; ms since the epoch.
 */
export interface Gap {
  readonly server: string;
  /** Last reading that was kept before it; null when none is known. */
  readonly fromMs: number | null;
  /** First reading behind it. */
  readonly toMs: number;
  readonly reason: GapReason;
  readonly lost: number | null;
}

/**
 * - `start`: nobody collected. `subscription`: a subscription was made anew. `queue`: the server's queue overflowed.
 * - `overflow`: the spool was full, or too old. `memory`: the disk did not take what arrived. `damaged`: the disk
 *   did not give back what it held. `blocked`: the spool was full and the server was asked to wait.
 */
export type GapReason = 'start' | 'subscription' | 'queue' | 'overflow' | 'memory' | 'damaged' | 'blocked';

const TEXTS: Readonly<Record<GapReason, string>> = {
  start: 'nobody collected',
  subscription: 'the subscription was made anew',
  queue: "the server's queue overflowed",
  overflow: 'the spool was full',
  memory: 'the disk did not take what arrived',
  damaged: 'the spool was damaged on disk',
  blocked: 'the spool was full and the server was asked to wait',
};

/** One sentence for the ledger. */
export function gapText({ fromMs, toMs, reason, lost }: Gap): string {
  const from = fromMs === null ? 'the beginning' : new Date(fromMs).toISOString();
  const count = lost === null ? '' : `; ${lost} readings lost`;
  return `gap from ${from} to ${new Date(toMs).toISOString()}: ${TEXTS[reason]}${count}`;
}

/** Parses what `JSON.stringify` made of a gap; null when it is none. */
export function parseGap(bytes: Uint8Array): Gap | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    if (typeof value !== 'object' || value === null) return null;
    const { server, fromMs, toMs, reason, lost } = value as Record<string, unknown>;
    if (typeof server !== 'string' || typeof toMs !== 'number') return null;
    if (typeof reason !== 'string' || !Object.hasOwn(TEXTS, reason)) return null;
    return {
      server,
      fromMs: typeof fromMs === 'number' ? fromMs : null,
      toMs,
      reason: reason as GapReason,
      lost: typeof lost === 'number' ? lost : null,
    };
  } catch {
    return null;
  }
}
