import type { LedgerEntry } from './generated/ledger-entry.ts';

/** Load id of entries that speak of a sink instead of a load. */
export const NO_LOAD = '-';

export const INGEST_STAGE = 'ingest';
export const TRANSFORM_STAGE = 'transform';

export function sinkStage(sink: string): string {
  return `sink.${sink}`;
}

/** The sink's name, or `null` when the stage is none. */
export function sinkOfStage(stage: string): string | null {
  return stage.startsWith('sink.') ? stage.slice('sink.'.length) : null;
}

/** Key of an entry in `millrace.ledger`: a later entry under the same key replaces the earlier one. */
export function ledgerKey(
  entry: Pick<LedgerEntry, 'pipeline' | 'loadId' | 'stage' | 'partition' | 'part'>,
): string {
  return `${entry.pipeline}/${entry.loadId}/${entry.stage}/${entry.partition}/${entry.part}`;
}

/** An entry with only one of its four bodies set. */
export function ledgerEntry(
  place: Pick<LedgerEntry, 'pipeline' | 'loadId' | 'stage' | 'partition' | 'part' | 'at'>,
  body: Partial<Pick<LedgerEntry, 'ingest' | 'transform' | 'sink' | 'sinkStart'>>,
): LedgerEntry {
  return { ...place, ingest: null, transform: null, sink: null, sinkStart: null, ...body };
}
