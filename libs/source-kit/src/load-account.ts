import { INGEST_STAGE, type IngestCounts, type LedgerEntry, ledgerEntry } from '@millrace/contracts';
import {
  countRow,
  emptyTally,
  formatTally,
  type LoadSeed,
  loadSeed,
  parseTally,
  type Tally,
} from '@millrace/core';

/** One version of one file, or one segment of a spool. */
export interface FileVersion {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly version: number;
  readonly loadId: string;
}

/** Counts of a load, cumulative. */
export interface LoadTallies {
  rows: Tally;
  published: Tally;
  rejected: Tally;
  resolved: Tally;
}

export type TallyTexts = Readonly<Record<keyof LoadTallies, string>>;

/** How a load stands, beside its counts. */
export interface LoadOutcome {
  readonly state: IngestCounts['state'];
  readonly sha256: string | null;
  readonly reason: string | null;
}

/** The counts of one load at the source. */
export class LoadAccount {
  readonly file: FileVersion;
  readonly #tallies: LoadTallies;
  readonly #seed: LoadSeed;

  constructor(file: FileVersion, from?: TallyTexts) {
    this.file = file;
    this.#seed = loadSeed(file.loadId);
    this.#tallies = {
      rows: from ? readTally(from.rows) : emptyTally(),
      published: from ? readTally(from.published) : emptyTally(),
      rejected: from ? readTally(from.rejected) : emptyTally(),
      resolved: from ? readTally(from.resolved) : emptyTally(),
    };
  }

  published(row: number): void {
    countRow(this.#tallies.rows, this.#seed, row);
    countRow(this.#tallies.published, this.#seed, row);
  }

  rejected(row: number): void {
    countRow(this.#tallies.rows, this.#seed, row);
    countRow(this.#tallies.rejected, this.#seed, row);
  }

  resolved(row: number): void {
    countRow(this.#tallies.resolved, this.#seed, row);
  }

  get counts(): Readonly<Record<keyof LoadTallies, number>> {
    const { rows, published, rejected, resolved } = this.#tallies;
    return { rows: rows.n, published: published.n, rejected: rejected.n, resolved: resolved.n };
  }

  texts(): TallyTexts {
    const { rows, published, rejected, resolved } = this.#tallies;
    return {
      rows: formatTally(rows),
      published: formatTally(published),
      rejected: formatTally(rejected),
      resolved: formatTally(resolved),
    };
  }

  /** The load's entry for the ledger, part 0 of its only partition. */
  ledgerEntry(
    place: {
      readonly pipeline: string;
      readonly source: string;
      readonly partition: number;
      readonly at: number;
    },
    outcome: LoadOutcome,
  ): LedgerEntry {
    const { loadId, path, size, mtimeMs, version } = this.file;
    const { pipeline, source, partition, at } = place;
    return ledgerEntry(
      { pipeline, loadId, stage: INGEST_STAGE, partition, part: 0, at },
      { ingest: { source, path, size, mtimeMs, version, ...this.texts(), ...outcome } },
    );
  }
}

/** A tally that cannot be read is a broken state: better halt than count wrongly. */
export function readTally(text: string): Tally {
  const tally = parseTally(text);
  if (!tally) throw new RangeError('state holds a tally that cannot be read');
  return tally;
}
