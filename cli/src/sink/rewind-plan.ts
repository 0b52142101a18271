import type { LedgerEntry } from '@millrace/contracts';
import { MillraceError } from '@millrace/core';

/** Where a rewind is to go. */
export type RewindTo =
  | { readonly kind: 'beginning' }
  | { readonly kind: 'offset'; readonly offset: number }
  /** First offset of a load by partition of the output; partitions that it did not touch stay. */
  | { readonly kind: 'load'; readonly firsts: ReadonlyMap<number, number> };

export interface LogBounds {
  readonly start: number;
  readonly end: number;
}

export interface RewindStep {
  readonly partition: number;
  readonly from: number;
  /** Equals `from` when this partition is left alone. */
  readonly to: number;
  /** Why it is not where it was asked to go; empty otherwise. */
  readonly note: string;
}

/** Reads `beginning` or an offset. */
export function parseRewindTo(text: string): RewindTo {
  if (text === 'beginning') return { kind: 'beginning' };
  if (/^\d{1,15}$/.test(text)) return { kind: 'offset', offset: Number(text) };
  throw new MillraceError({
    kind: 'config',
    code: 'MR-CLI-REWIND-TO',
    message: `--to ${text} is neither "beginning" nor an offset`,
    remedy: 'For one load: --load <id>.',
  });
}

/**
 * Where each partition of a sink goes. A rewind only ever lowers a position: a higher one would skip records.
 * @param positions next offset by partition, as the target holds it
 */
export function planRewind(
  positions: ReadonlyMap<number, number>,
  bounds: ReadonlyMap<number, LogBounds>,
  wish: RewindTo,
): RewindStep[] {
  return [...positions]
    .sort(([x], [y]) => x - y)
    .map(([partition, from]) => {
      const start = bounds.get(partition)?.start ?? from;
      const wanted = wishedOffset(wish, partition, start);
      if (wanted === null) return { partition, from, to: from, note: 'the load is not in it' };
      if (wanted >= from) return { partition, from, to: from, note: 'is not beyond it yet' };
      const to = Math.min(from, Math.max(wanted, start));
      return { partition, from, to, note: to > wanted ? `the log begins at ${start} now` : '' };
    });
}

function wishedOffset(wish: RewindTo, partition: number, start: number): number | null {
  switch (wish.kind) {
    case 'beginning':
      return start;
    case 'offset':
      return wish.offset;
    case 'load':
      return wish.firsts.get(partition) ?? null;
  }
}

/** First offset of a load in each partition of an output, over all its parts. */
export function firstOffsetsOf(
  entries: Iterable<LedgerEntry>,
  loadId: string,
  output: string,
): Map<number, number> {
  const firsts = new Map<number, number>();
  for (const entry of entries) {
    if (entry.loadId !== loadId) continue;
    for (const [text, offset] of Object.entries(entry.transform?.emitted[output]?.first ?? {})) {
      const partition = Number(text);
      firsts.set(partition, Math.min(offset, firsts.get(partition) ?? offset));
    }
  }
  return firsts;
}
