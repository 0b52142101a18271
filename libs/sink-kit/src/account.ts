import { countRow, emptyTally, type LoadSeed, loadSeed, type Tally } from '@millrace/core';
import type { Counting, LoadDelta } from './port.ts';
import type { Reject } from './runs.ts';

interface Delta extends LoadDelta {
  readonly applied: Tally;
  readonly rejected: Tally;
  readonly resolved: Tally;
}

/**
 * What a run adds to the accounts of its loads (ADR 0003): a replay of our own reject counts as resolved when it is
 * applied and not at all when it is rejected again; what another sink's replay brings counts nothing here.
 */
export function accountRun(
  counting: Counting,
  rows: Iterable<{ readonly loadId: string; readonly row: number }>,
  rejects: Iterable<Reject>,
): readonly LoadDelta[] {
  if (counting === 'uncounted') return [];
  const deltas = new Map<string, { readonly seed: LoadSeed; readonly delta: Delta }>();
  const of = (loadId: string): { readonly seed: LoadSeed; readonly delta: Delta } => {
    const known = deltas.get(loadId);
    if (known) return known;
    const delta = { loadId, applied: emptyTally(), rejected: emptyTally(), resolved: emptyTally() };
    const made = { seed: loadSeed(loadId), delta };
    deltas.set(loadId, made);
    return made;
  };
  for (const { loadId, row } of rows) {
    const { seed, delta } = of(loadId);
    countRow(counting === 'resolved' ? delta.resolved : delta.applied, seed, row);
  }
  if (counting === 'normal') {
    for (const { mark } of rejects) {
      if (mark === null) continue;
      const { seed, delta } = of(mark.loadId);
      countRow(delta.rejected, seed, mark.row);
    }
  }
  return [...deltas.values()].map(({ delta }) => delta);
}
