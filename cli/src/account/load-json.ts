import type { LoadAccount, LoadState } from '@millrace/contracts';

/** A load as `--json` and `npm run demo -- --json` give it, counts only. */
export interface LoadJson {
  readonly pipeline: string;
  readonly load: string;
  readonly source: string;
  readonly state: LoadState;
  readonly rows: number;
  readonly rejectedAtSource: number;
  readonly published: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly filtered: number;
  readonly rejected: number;
  readonly emitted: Readonly<Record<string, number>>;
  readonly sinks: Readonly<Record<string, SinkJson>>;
}

export interface SinkJson {
  readonly inserted: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly superseded: number;
  readonly rejected: number;
}

/** `source` is the file: its path on the server. */
export function loadJson(account: LoadAccount): LoadJson {
  return {
    pipeline: account.pipeline,
    load: account.loadId,
    source: account.path,
    state: account.state,
    rows: account.rows.n,
    rejectedAtSource: account.rejectedAtSource.n,
    published: account.published.n,
    accepted: account.accepted.n,
    duplicates: account.duplicates.n,
    filtered: account.filtered.n,
    rejected: account.rejected.n,
    emitted: mapValues(account.emitted, (tally) => tally.n),
    sinks: mapValues(account.sinks, ({ inserted, updated, unchanged, superseded, rejected }) => ({
      inserted,
      updated,
      unchanged,
      superseded,
      rejected: rejected.n,
    })),
  };
}

/** `loadJson` with what else is known of the load. */
export function loadDetailJson(account: LoadAccount): LoadJson & Record<string, unknown> {
  return {
    ...loadJson(account),
    sourceName: account.source,
    version: account.version,
    size: account.size,
    modifiedAt: new Date(account.mtimeMs).toISOString(),
    sha256: account.sha256,
    sourceState: account.sourceState,
    reason: account.reason,
    changedAt: new Date(account.at).toISOString(),
    resolvedAtSource: account.resolvedAtSource.n,
    resolved: account.resolved.n,
    openRejects: account.openRejects,
    differences: account.differences,
  };
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}
