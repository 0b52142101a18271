import type { AggregateColumn, AggregateDef } from '@millrace/config';
import { quoteIdent, quoteList, quoteTable, quoteText } from '@millrace/postgres';
import { bucketOf, interval, ours, regclass, type Series, seriesLock } from './series.ts';
import type { Server } from './server.ts';

/** Entries of `millrace_touched` that one refresh takes. */
const ENTRIES_MAX = 500;
/** Buckets of one entry that registration makes. */
const SEED_BUCKETS = 100;
const HOUR = 3_600_000;

/** The session's list of buckets to compute. */
export const DUE = 'pg_temp.millrace_due';
export const DUE_DDL = 'CREATE TEMPORARY TABLE millrace_due (bucket timestamptz NOT NULL)';

/** What an aggregate is, for the comment on its table: another definition under the same name is noticed. */
export function definitionOf({ overMs, by, select }: AggregateDef): string {
  const columns = select.map(({ name, fn, of }) => `${name} = ${fn}(${of ?? '*'})`);
  return `millrace aggregate: ${overMs} ms by (${by.join(', ')}): ${columns.join(', ')}`;
}

/** Makes the table of an aggregate, empty, with the types that the server gives its columns. */
export function createAggregate(series: Series, aggregate: AggregateDef, server: Server): readonly string[] {
  const table = { schema: series.schema, table: aggregate.name };
  const name = quoteTable(table);
  const { by, overMs } = aggregate;
  const groups = by.map((column) => `r.${quoteIdent(column)}`);
  const bucket = `${bucketOf(overMs, `r.${quoteIdent(series.time)}`)} AS bucket`;
  const select = [bucket, ...groups, ...aggregate.select.map((one) => columnSql(series, one))].join(', ');
  const statements = [
    `CREATE TABLE ${name} AS SELECT ${select} FROM ${quoteTable(series)} AS r GROUP BY ${['1', ...groups].join(', ')} WITH NO DATA`,
    `ALTER TABLE ${name} ALTER COLUMN bucket SET NOT NULL`,
    `CREATE INDEX ON ${name} (bucket)`,
  ];
  if (by.length > 0) statements.push(`CREATE UNIQUE INDEX ON ${name} (${quoteList(by)}, bucket)`);
  if (server.kind !== 'plain') statements.push(hypertable(table, 'bucket', chunkOf(aggregate), server));
  statements.push(`COMMENT ON TABLE ${name} IS ${quoteText(definitionOf(aggregate))}`);
  return statements;
}

/** `create_hypertable` for an empty table, with the indexes that it has. */
export function hypertable(
  table: { readonly schema: string; readonly table: string },
  time: string,
  chunkMs: number,
  { extensionSchema }: Pick<Server, 'extensionSchema'>,
  migrate = false,
): string {
  const at = quoteIdent(extensionSchema);
  const range = `${at}.by_range(${quoteText(time)}, ${interval(chunkMs)})`;
  return `SELECT ${at}.create_hypertable(${regclass(table)}, ${range}, create_default_indexes => false${migrate ? ', migrate_data => true' : ''})`;
}

/** Some ten thousand buckets in a chunk. */
function chunkOf({ overMs }: AggregateDef): number {
  return Math.min(Math.max(overMs * 10_000, HOUR), 30 * 24 * HOUR);
}

/**
 * From here on every batch touches for it. Alone with the series for an instant. `anew`: its table was just made, in
 * the same transaction.
 */
export function registerAggregate(series: Series, aggregate: AggregateDef, anew: boolean): readonly string[] {
  const conflict = anew
    ? 'ON CONFLICT (table_name, aggregate) DO UPDATE SET width = excluded.width, seeded = false'
    : 'ON CONFLICT DO NOTHING';
  return [
    `SELECT pg_advisory_xact_lock(${seriesLock(series)})`,
    `INSERT INTO ${ours(series, 'aggregate')} (table_name, aggregate, width)
VALUES (${quoteText(series.table)}, ${quoteText(aggregate.name)}, ${interval(aggregate.overMs)}) ${conflict}`,
  ];
}

/** Marks every bucket that held rows before it was registered, once. */
export function seedAggregate(series: Series, aggregate: AggregateDef): string {
  const time = quoteIdent(series.time);
  const mine = `table_name = ${quoteText(series.table)} AND aggregate = ${quoteText(aggregate.name)}`;
  const width = interval(aggregate.overMs);
  return `BEGIN ISOLATION LEVEL READ COMMITTED;
WITH unseeded AS (UPDATE ${ours(series, 'aggregate')} SET seeded = true WHERE ${mine} AND NOT seeded RETURNING aggregate)
INSERT INTO ${ours(series, 'touched')} (table_name, aggregate, first_bucket, last_bucket)
SELECT ${quoteText(series.table)}, u.aggregate, b.first_bucket, b.first_bucket + ${SEED_BUCKETS - 1} * ${width}
FROM unseeded AS u CROSS JOIN (
  SELECT DISTINCT ${bucketOf(aggregate.overMs * SEED_BUCKETS, time)} AS first_bucket FROM ${quoteTable(series)}
) AS b;
COMMIT`;
}

/** Aggregates that the pipeline does not name any more: their tables stay as they are. */
export function forgetAggregates(series: Series): string {
  const names = ['', ...series.aggregates.map((one) => one.name)].map(quoteText).join(', ');
  const gone = `table_name = ${quoteText(series.table)} AND aggregate NOT IN (${names})`;
  return `BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT pg_advisory_xact_lock(${seriesLock(series)});
DELETE FROM ${ours(series, 'aggregate')} WHERE ${gone};
DELETE FROM ${ours(series, 'touched')} WHERE ${gone};
COMMIT`;
}

/** Where the counts stand among the answers of `refreshAggregate`. */
export const REFRESH_ANSWERS = { due: 2, late: 3, left: 7 } as const;

/**
 * Takes entries, computes their buckets again from the rows, and puts the result in the place of what was there:
 * one transaction in one message. READ COMMITTED, so that the rows are read behind the entries (ADR 0011 case 5).
 */
export function refreshAggregate(series: Series, aggregate: AggregateDef): string {
  const mine = `table_name = ${quoteText(series.table)} AND aggregate = ${quoteText(aggregate.name)}`;
  const touched = ours(series, 'touched');
  const width = interval(aggregate.overMs);
  const target = quoteTable({ schema: series.schema, table: aggregate.name });
  const groups = aggregate.by.map((column) => `r.${quoteIdent(column)}`);
  const time = `r.${quoteIdent(series.time)}`;
  const inner = [...groups, ...aggregate.select.map((one) => columnSql(series, one))].join(', ');
  const names = [...aggregate.by, ...aggregate.select.map((one) => one.name)];
  const group = groups.length === 0 ? 'HAVING count(*) > 0' : `GROUP BY ${groups.join(', ')}`;
  return [
    'BEGIN ISOLATION LEVEL READ COMMITTED',
    `TRUNCATE ${DUE}`,
    `WITH taken AS (
  DELETE FROM ${touched} WHERE id IN (SELECT id FROM ${touched} WHERE ${mine} ORDER BY first_bucket LIMIT ${ENTRIES_MAX})
  RETURNING first_bucket, last_bucket
)
INSERT INTO ${DUE} SELECT DISTINCT generate_series(${bucketOf(aggregate.overMs, 'first_bucket')}, last_bucket, ${width}) FROM taken`,
    // What was dropped cannot be computed again: such a bucket keeps its value.
    `DELETE FROM ${DUE} WHERE bucket < (SELECT dropped_before FROM ${ours(series, 'series')} WHERE table_name = ${quoteText(series.table)})`,
    `DELETE FROM ${target} AS a USING ${DUE} AS d WHERE a.bucket = d.bucket`,
    `INSERT INTO ${target} (bucket, ${quoteList(names)})
SELECT d.bucket, c.* FROM ${DUE} AS d CROSS JOIN LATERAL (
  SELECT ${inner} FROM ${quoteTable(series)} AS r WHERE ${time} >= d.bucket AND ${time} < d.bucket + ${width} ${group}
) AS c`,
    'COMMIT',
    `SELECT EXISTS (SELECT FROM ${touched} WHERE ${mine}) AS left`,
  ].join(';\n');
}

/** `first` and `last` go by time and key: the same rows always give the same value. */
function columnSql(series: Series, { name, fn, of }: AggregateColumn): string {
  const as = `AS ${quoteIdent(name)}`;
  if (of === null) return `count(*) ${as}`;
  const column = `r.${quoteIdent(of)}`;
  if (fn !== 'first' && fn !== 'last') return `${fn}(${column}) ${as}`;
  const direction = fn === 'last' ? ' DESC' : '';
  const order = [...new Set([series.time, ...series.key])].map((one) => `r.${quoteIdent(one)}${direction}`);
  return `(array_agg(${column} ORDER BY ${order.join(', ')}))[1] ${as}`;
}
