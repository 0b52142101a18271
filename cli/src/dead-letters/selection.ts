import type { DeadLetter } from '@millrace/contracts';
import type { Folded } from '../topics/fold.ts';

/** Which dead letters are meant; what is undefined does not narrow. */
export interface Selection {
  readonly load?: string;
  readonly reason?: string;
  readonly stage?: string;
  /** Keys; a letter has to be one of them when there are any. */
  readonly keys?: readonly string[];
}

/** The letters that are meant. A stage is `ingest`, `transform`, `sink` (any) or `sink.<name>`. */
export function select(letters: readonly Folded<DeadLetter>[], selection: Selection): Folded<DeadLetter>[] {
  const keys = selection.keys && selection.keys.length > 0 ? new Set(selection.keys) : null;
  return letters.filter(
    ({ key, value }) =>
      (keys === null || keys.has(key)) &&
      (selection.load === undefined || value.loadId === selection.load) &&
      (selection.reason === undefined || value.reason === selection.reason) &&
      (selection.stage === undefined || matchesStage(value.stage, selection.stage)),
  );
}

function matchesStage(stage: string, wanted: string): boolean {
  return stage === wanted || stage.startsWith(`${wanted}.`);
}

/** Keys that were asked for and are not there: replayed already, expired, or never known. */
export function missingKeys(letters: readonly Folded<DeadLetter>[], keys: readonly string[]): string[] {
  const known = new Set(letters.map(({ key }) => key));
  return keys.filter((key) => !known.has(key));
}
