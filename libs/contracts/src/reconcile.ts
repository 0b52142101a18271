import { addTally, emptyTally, parseTally, sumTallies, type Tally } from '@millrace/core';
import type {
  EmittedCounts,
  IngestCounts,
  LedgerEntry,
  SinkCounts,
  SinkStart,
} from './generated/ledger-entry.ts';
import { judge } from './judge-load.ts';
import { NO_LOAD, sinkOfStage } from './ledger.ts';

export type LoadState = 'open' | 'balanced' | 'balancedWithRejects' | 'abandoned' | 'unbalanced';

export interface SinkAccount {
  readonly output: string;
  /** Whether the sink was there when the load's first record came, in every partition. */
  readonly owes: boolean;
  readonly applied: Tally;
  readonly inserted: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly superseded: number;
  readonly rejected: Tally;
  readonly resolved: Tally;
}

/** The account of one load, all partitions and parts added up. */
export interface LoadAccount {
  readonly pipeline: string;
  readonly loadId: string;
  readonly source: string;
  readonly path: string;
  readonly version: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly sourceState: 'open' | 'published' | 'abandoned';
  readonly reason: string | null;
  readonly sha256: string | null;
  /** Latest change of any of its entries, milliseconds since the epoch. */
  readonly at: number;
  readonly rows: Tally;
  readonly published: Tally;
  readonly rejectedAtSource: Tally;
  readonly resolvedAtSource: Tally;
  readonly accepted: Tally;
  readonly duplicates: Tally;
  readonly filtered: Tally;
  readonly rejected: Tally;
  readonly resolved: Tally;
  readonly emitted: Readonly<Record<string, Tally>>;
  readonly sinks: Readonly<Record<string, SinkAccount>>;
  /** Rejects of all stages that no replay has resolved yet. */
  readonly openRejects: number;
  readonly state: LoadState;
  /** The equations that do not hold, in words; empty when all do. */
  readonly differences: readonly string[];
}

/** What the pipeline says about its sinks: name and the output each takes. Without an entry a load waits for it. */
export type ExpectedSinks = readonly { readonly name: string; readonly output: string }[];

/**
 * Reconciles every load that the entries mention (ADR 0003). Pure: entries are the latest of each key, in any order.
 */
export function reconcile(
  entries: Iterable<LedgerEntry>,
  expected: (pipeline: string) => ExpectedSinks,
): LoadAccount[] {
  const byLoad = new Map<string, LedgerEntry[]>();
  const starts = new Map<string, Map<number, SinkStart>>();
  for (const entry of entries) {
    if (entry.loadId === NO_LOAD) {
      if (entry.sinkStart)
        mapOf(starts, `${entry.pipeline}/${entry.stage}`).set(entry.partition, entry.sinkStart);
      continue;
    }
    const key = `${entry.pipeline}/${entry.loadId}`;
    const list = byLoad.get(key);
    if (list) list.push(entry);
    else byLoad.set(key, [entry]);
  }
  return [...byLoad.values()].map((load) =>
    accountOf(load, expected(load[0]?.pipeline ?? ''), (sink) =>
      starts.get(`${load[0]?.pipeline ?? ''}/sink.${sink}`),
    ),
  );
}

type Starts = ReadonlyMap<number, SinkStart> | undefined;

function accountOf(
  entries: readonly LedgerEntry[],
  expected: ExpectedSinks,
  startsOf: (sink: string) => Starts,
): LoadAccount {
  const first = entries[0];
  const ingests = entries.flatMap((entry) => (entry.ingest ? [entry.ingest] : []));
  const transforms = entries.flatMap((entry) => (entry.transform ? [entry.transform] : []));
  const emittedParts = transforms.flatMap((counts) => Object.entries(counts.emitted));
  // A map first: an output may be called `constructor`, which every object has.
  const tallies = new Map<string, Tally>();
  for (const [output, counts] of emittedParts) {
    const tally = tallies.get(output) ?? emptyTally();
    addTally(tally, tallyOf(counts.tally));
    tallies.set(output, tally);
  }
  const emitted = Object.fromEntries(tallies);
  const sinks: Record<string, SinkAccount> = {};
  for (const { name, output } of expected) {
    const firsts = emittedParts.filter(([o]) => o === output).map(([, counts]) => counts);
    sinks[name] = sinkAccount(output, sinkCountsOf(entries, name), owes(firsts, startsOf(name)));
  }
  const source = ingests[0];
  const base = {
    pipeline: first?.pipeline ?? '',
    loadId: first?.loadId ?? '',
    source: source?.source ?? '',
    path: source?.path ?? '',
    version: source?.version ?? 0,
    size: source?.size ?? 0,
    mtimeMs: source?.mtimeMs ?? 0,
    sourceState: sourceStateOf(ingests),
    reason: ingests.find((counts) => counts.reason !== null)?.reason ?? null,
    sha256: ingests.find((counts) => counts.sha256 !== null)?.sha256 ?? null,
    at: entries.reduce((latest, entry) => Math.max(latest, entry.at), 0),
    rows: total(ingests, (counts) => counts.rows),
    published: total(ingests, (counts) => counts.published),
    rejectedAtSource: total(ingests, (counts) => counts.rejected),
    resolvedAtSource: total(ingests, (counts) => counts.resolved),
    accepted: total(transforms, (counts) => counts.accepted),
    duplicates: total(transforms, (counts) => counts.duplicates),
    filtered: total(transforms, (counts) => counts.filtered),
    rejected: total(transforms, (counts) => counts.rejected),
    resolved: total(transforms, (counts) => counts.resolved),
    emitted,
    sinks,
  };
  return { ...base, ...judge(base) };
}

function owes(firsts: readonly EmittedCounts[], starts: Starts): boolean {
  if (!starts) return true;
  return firsts.every((counts) =>
    Object.entries(counts.first).every(
      ([partition, offset]) => (starts.get(Number(partition))?.offset ?? 0) <= offset,
    ),
  );
}

function sinkCountsOf(entries: readonly LedgerEntry[], sink: string): SinkCounts[] {
  return entries.flatMap((entry) => (entry.sink && sinkOfStage(entry.stage) === sink ? [entry.sink] : []));
}

function sinkAccount(output: string, counts: readonly SinkCounts[], owing: boolean): SinkAccount {
  const add = (pick: (one: SinkCounts) => number): number => counts.reduce((sum, one) => sum + pick(one), 0);
  return {
    output,
    owes: owing,
    applied: total(counts, (one) => one.applied),
    inserted: add((one) => one.inserted),
    updated: add((one) => one.updated),
    unchanged: add((one) => one.unchanged),
    superseded: add((one) => one.superseded),
    rejected: total(counts, (one) => one.rejected),
    resolved: total(counts, (one) => one.resolved),
  };
}

function sourceStateOf(ingests: readonly IngestCounts[]): LoadAccount['sourceState'] {
  if (ingests.length === 0) return 'open';
  if (ingests.some((counts) => counts.state === 'abandoned')) return 'abandoned';
  return ingests.every((counts) => counts.state === 'published') ? 'published' : 'open';
}

function total<T>(items: readonly T[], pick: (item: T) => string): Tally {
  return sumTallies(items.map((item) => tallyOf(pick(item))));
}

/** A tally that cannot be read counts as nothing, which shows as a difference. */
function tallyOf(text: string): Tally {
  return parseTally(text) ?? emptyTally();
}

function mapOf<K, L, V>(maps: Map<K, Map<L, V>>, key: K): Map<L, V> {
  const existing = maps.get(key);
  if (existing) return existing;
  const created = new Map<L, V>();
  maps.set(key, created);
  return created;
}
