import { type LedgerEntry, ledgerEntry, TRANSFORM_STAGE, type TransformCounts } from '@millrace/contracts';
import { emptyTally, formatTally, type LoadSeed, loadSeed, parseTally, type Tally } from '@millrace/core';
import type { StateChange } from './dedupe-log.ts';
import { parseJson } from './state-json.ts';

export const LOAD_KEY_PREFIX = 'load/';

/** One part of one load's counts in one partition, cumulative since `part` (ADR 0003). */
export interface LoadPart {
  readonly loadId: string;
  /** Input offset at which counting began. */
  readonly part: number;
  readonly seed: LoadSeed;
  readonly accepted: Tally;
  readonly duplicates: Tally;
  readonly filtered: Tally;
  readonly rejected: Tally;
  readonly resolved: Tally;
  /** By index of the output. */
  readonly emitted: readonly EmittedPart[];
  /** Wall clock of the last batch that touched it. */
  touchedAt: number;
  /** Number of the last batch that touched it. */
  batch: number;
}

export interface EmittedPart {
  readonly tally: Tally;
  /** First offset by output partition. */
  readonly first: Map<number, number>;
}

export interface LoadBounds {
  /** A load idle for this long is dropped when more than `idleHeldMax` are held. */
  readonly idleMs: number;
  readonly idleHeldMax: number;
  readonly heldMax: number;
}

export const LOAD_BOUNDS: LoadBounds = { idleMs: 3_600_000, idleHeldMax: 100, heldMax: 10_000 };

/** The counts of the loads that a partition is meeting, in memory and as the state topic and the ledger keep them. */
export class LoadAccounts {
  readonly #outputs: readonly string[];
  readonly #bounds: LoadBounds;
  /** Least recently touched first. */
  readonly #parts = new Map<string, LoadPart>();
  readonly #touched = new Set<LoadPart>();
  #batch = 1;
  #last: LoadPart | null = null;

  constructor(outputs: readonly string[], bounds: LoadBounds = LOAD_BOUNDS) {
    this.#outputs = outputs;
    this.#bounds = bounds;
  }

  get held(): number {
    return this.#parts.size;
  }

  /** The part to count into, begun at `offset` if the load is new here. */
  at(loadId: string, offset: number): LoadPart {
    let part = this.#last;
    if (part === null || part.loadId !== loadId) {
      part = this.#parts.get(loadId) ?? this.#begin(loadId, offset);
      this.#last = part;
    }
    if (part.batch !== this.#batch) {
      part.batch = this.#batch;
      this.#touched.add(part);
    }
    return part;
  }

  /** The counts that this transaction has to write, and tombstones of those that are dropped. Ends the batch. */
  takeChanges(now: number): { readonly touched: readonly LoadPart[]; readonly dropped: readonly LoadPart[] } {
    const touched = [...this.#touched];
    for (const part of touched) {
      part.touchedAt = now;
      this.#parts.delete(part.loadId);
      this.#parts.set(part.loadId, part);
    }
    const dropped: LoadPart[] = [];
    for (const part of this.#parts.values()) {
      if (!this.#droppable(part, now)) break;
      dropped.push(part);
      this.#parts.delete(part.loadId);
      if (this.#last === part) this.#last = null;
    }
    this.#touched.clear();
    this.#batch += 1;
    return { touched, dropped };
  }

  #droppable(part: LoadPart, now: number): boolean {
    if (this.#touched.has(part)) return false;
    const { heldMax, idleHeldMax, idleMs } = this.#bounds;
    return this.#parts.size > heldMax || (this.#parts.size > idleHeldMax && now - part.touchedAt >= idleMs);
  }

  #begin(loadId: string, offset: number): LoadPart {
    const part: LoadPart = {
      loadId,
      part: offset,
      seed: loadSeed(loadId),
      accepted: emptyTally(),
      duplicates: emptyTally(),
      filtered: emptyTally(),
      rejected: emptyTally(),
      resolved: emptyTally(),
      emitted: this.#outputs.map(() => ({ tally: emptyTally(), first: new Map() })),
      touchedAt: 0,
      batch: 0,
    };
    this.#parts.set(loadId, part);
    return part;
  }

  /** One record of the state topic, in offset order. Returns false when it cannot be read. */
  restore(key: string, value: Buffer | null): boolean {
    const match = /^load\/([^/]+)\/(\d+)$/.exec(key);
    if (!match) return false;
    const loadId = match[1] ?? '';
    const offset = Number(match[2]);
    if (value === null) {
      // The tombstone of an earlier part must not drop a later one.
      if (this.#parts.get(loadId)?.part === offset) this.#parts.delete(loadId);
      return true;
    }
    this.#parts.delete(loadId);
    const counts = parseCounts(value);
    return counts !== null && this.#fill(this.#begin(loadId, offset), counts);
  }

  #fill(part: LoadPart, json: StoredCounts): boolean {
    part.touchedAt = json.at;
    const pairs: [Tally, string | undefined][] = [
      [part.accepted, json.accepted],
      [part.duplicates, json.duplicates],
      [part.filtered, json.filtered],
      [part.rejected, json.rejected],
      [part.resolved, json.resolved],
    ];
    // An output that the state does not know is one of another layout, and the position says that better.
    const stored = part.emitted.map((_, i) => ownOf(json.emitted, this.#outputs[i] ?? ''));
    part.emitted.forEach(({ tally }, i) => {
      if (stored[i] !== undefined) pairs.push([tally, stored[i].tally]);
    });
    for (const [tally, text] of pairs) {
      const parsed = parseTally(text ?? '');
      if (parsed === null) return false;
      Object.assign(tally, parsed);
    }
    part.emitted.forEach(({ first }, i) => {
      for (const [partition, offset] of Object.entries(stored[i]?.first ?? {}))
        first.set(Number(partition), offset);
    });
    return true;
  }

  countsOf(part: LoadPart): TransformCounts {
    return {
      accepted: formatTally(part.accepted),
      duplicates: formatTally(part.duplicates),
      filtered: formatTally(part.filtered),
      rejected: formatTally(part.rejected),
      resolved: formatTally(part.resolved),
      emitted: Object.fromEntries(
        part.emitted.map(({ tally, first }, i) => [
          this.#outputs[i] ?? '',
          { tally: formatTally(tally), first: Object.fromEntries(first) },
        ]),
      ),
    };
  }

  stateOf(part: LoadPart): StateChange {
    const value: StoredCounts = { at: part.touchedAt, ...this.countsOf(part) };
    return { key: loadKey(part), value: Buffer.from(JSON.stringify(value)) };
  }

  ledgerOf(pipeline: string, partition: number, part: LoadPart): LedgerEntry {
    return ledgerEntry(
      {
        pipeline,
        loadId: part.loadId,
        stage: TRANSFORM_STAGE,
        partition,
        part: part.part,
        at: part.touchedAt,
      },
      { transform: this.countsOf(part) },
    );
  }
}

type StoredCounts = TransformCounts & { readonly at: number };

/** The tallies are read one by one. */
function parseCounts(value: Buffer): StoredCounts | null {
  const json = parseJson(value);
  if (typeof json !== 'object' || json === null || !('at' in json) || !('emitted' in json)) return null;
  if (typeof json.at !== 'number' || typeof json.emitted !== 'object' || json.emitted === null) return null;
  return json as StoredCounts;
}

function ownOf<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

export function loadKey(part: Pick<LoadPart, 'loadId' | 'part'>): string {
  return `${LOAD_KEY_PREFIX}${part.loadId}/${part.part}`;
}
