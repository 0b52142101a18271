import { type HistorianFile, isRuledOut, keyOf } from './file.ts';

/** What must be true after all files are loaded, whatever happened meanwhile. */
export interface HistorianOracle {
  readonly files: number;
  readonly rows: number;
  readonly bad: number;
  /** How many of `bad` are published and rejected by a rule of the transformer; the others are rejected at the source. */
  readonly ruledOut: number;
  readonly good: number;
  /** Distinct (TagName, Timestamp) among the good rows: the rows of the target table. */
  readonly distinct: number;
  /** Good rows that must be dropped as duplicates, within and across files: good − distinct. */
  readonly duplicates: number;
  /** `good − distinct` where both rows stand in the same file. */
  readonly duplicatesWithin: number;
  /** The value that the first row has, files taken in the order given. */
  winner(tag: string, time: number): number | undefined;
  /**
   * The values that may win when files are loaded in any order: of each file its first. A single one when the
   * pair stands in one file only.
   */
  candidates(tag: string, time: number): readonly number[];
  /** Every expected pair. */
  pairs(): Iterable<{ readonly tag: string; readonly time: number; readonly value: number }>;
}

/** The oracle of these files, loaded in this order, the first row of a (tag, time) winning. */
export function oracleOf(files: readonly HistorianFile[]): HistorianOracle {
  const candidates = new Map<string, { tag: string; time: number; values: number[] }>();
  let good = 0;
  for (const file of files) {
    const seen = new Set<string>();
    good += file.good.length;
    for (const row of file.good) {
      const key = keyOf(row);
      if (seen.has(key)) continue;
      seen.add(key);
      const known = candidates.get(key);
      if (known === undefined) candidates.set(key, { tag: row.tag, time: row.time, values: [row.value] });
      else known.values.push(row.value);
    }
  }
  const sum = (of: (file: HistorianFile) => number) => files.reduce((total, file) => total + of(file), 0);
  return {
    files: files.length,
    rows: sum((file) => file.rows),
    bad: sum((file) => file.bad.length),
    ruledOut: sum((file) => file.bad.filter(isRuledOut).length),
    good,
    distinct: candidates.size,
    duplicates: good - candidates.size,
    duplicatesWithin: sum((file) => file.duplicates),
    winner: (tag, time) => candidates.get(keyOf({ tag, time }))?.values[0],
    candidates: (tag, time) => candidates.get(keyOf({ tag, time }))?.values ?? [],
    *pairs() {
      for (const { tag, time, values } of candidates.values())
        yield { tag, time, value: values[0] ?? Number.NaN };
    },
  };
}
