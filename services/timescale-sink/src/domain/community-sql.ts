import type { AggregateDef } from '@millrace/config';
import { quoteIdent, quoteTable, quoteText } from '@millrace/postgres';
import { definitionOf } from './aggregate-sql.ts';
import { interval, regclass, type Series } from './series.ts';
import type { Server } from './server.ts';

/*
 * The community edition does the work itself. No server of it can be had where these lines are tested: the
 * statements are compared with committed files only.
 */

/** A continuous aggregate with the newest rows in it, and the policies that keep it. */
export function createContinuousAggregate(
  series: Series,
  aggregate: AggregateDef,
  { extensionSchema }: Server,
): readonly string[] {
  const at = quoteIdent(extensionSchema);
  const { name, by, overMs, everyMs, select, retentionMs } = aggregate;
  const view = { schema: series.schema, table: name };
  const time = quoteIdent(series.time);
  const columns = select.map(({ name: column, fn, of }) => {
    const as = `AS ${quoteIdent(column)}`;
    if (of === null) return `count(*) ${as}`;
    const ordered = fn === 'first' || fn === 'last';
    return ordered ? `${at}.${fn}(${quoteIdent(of)}, ${time}) ${as}` : `${fn}(${quoteIdent(of)}) ${as}`;
  });
  const groups = by.map(quoteIdent);
  const bucket = `${at}.time_bucket(${interval(overMs)}, ${time})`;
  const age = series.retention?.ageMs;
  // What retention dropped must not be computed again: the refresh looks no further back.
  const from = age == null ? 'NULL' : interval(age);
  const statements = [
    `CREATE MATERIALIZED VIEW ${quoteTable(view)} WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT ${[`${bucket} AS bucket`, ...groups, ...columns].join(', ')}
FROM ${quoteTable(series)} GROUP BY ${[bucket, ...groups].join(', ')} WITH NO DATA`,
    `COMMENT ON VIEW ${quoteTable(view)} IS ${quoteText(definitionOf(aggregate))}`,
    `SELECT ${at}.add_continuous_aggregate_policy(${regclass(view)}, start_offset => ${from}, end_offset => ${interval(overMs)}, schedule_interval => ${interval(everyMs)}, if_not_exists => true)`,
  ];
  if (retentionMs !== null) statements.push(retentionPolicy(view, retentionMs, at));
  return statements;
}

/** What the server does about the age of rows; the row limit stays ours. */
export function agePolicy(series: Series, { extensionSchema }: Server): string | null {
  const age = series.retention?.ageMs;
  return age == null ? null : retentionPolicy(series, age, quoteIdent(extensionSchema));
}

function retentionPolicy(table: { schema: string; table: string }, ageMs: number, at: string): string {
  return `SELECT ${at}.add_retention_policy(${regclass(table)}, drop_after => ${interval(ageMs)}, if_not_exists => true)`;
}

/** The time of the n-th newest row: what lies before it is beyond the limit. */
export function rowLimitCut({ time, retention, ...table }: Series): string {
  const column = quoteIdent(time);
  return `SELECT ${column}::text AS cut FROM ${quoteTable(table)} ORDER BY ${column} DESC OFFSET ${(retention?.rows ?? 1) - 1} LIMIT 1`;
}

/**
 * Every aggregate is brought up to the cut, then whole chunks go. Rows are never deleted one by one: that would tell
 * the aggregates to forget them. One statement a message, `CALL` runs in no transaction.
 */
export function trimCommunity(series: Series, cut: string, { extensionSchema }: Server): readonly string[] {
  const at = quoteIdent(extensionSchema);
  return [
    ...series.aggregates.map(({ name }) => {
      const view = regclass({ schema: series.schema, table: name });
      return `CALL ${at}.refresh_continuous_aggregate(${view}, NULL, ${quoteText(cut)}::timestamptz)`;
    }),
    `SELECT count(*)::int AS chunks FROM ${at}.drop_chunks(${regclass(series)}, older_than => ${quoteText(cut)}::timestamptz)`,
  ];
}
