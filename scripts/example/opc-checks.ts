import type { AggregateColumn, AggregateDef } from '@millrace/config';
import { type IssuedTag, PLANT_NAMESPACE_URI } from '../../stack/src/index.ts';
import { type Check, check } from './plan.ts';
import type { Target } from './target.ts';

const WRONG_SHOWN_MAX = 3;
/** The mean of the same numbers depends in its last digits on their order. */
const RELATIVE = 1e-9;
const NODE_PREFIX = `nsu=${PLANT_NAMESPACE_URI};s=`;

interface TagRows {
  id: string;
  n: string;
  different: string;
  least: string | null;
  most: string | null;
}

/** What is in the table of each sequence; empty while there is no table. A bad reading may come without its value. */
async function sequences(target: Target): Promise<TagRows[]> {
  if (!(await exists(target, 'sensor_data'))) return [];
  const sql = `SELECT substr(nodeid, ${NODE_PREFIX.length + 1}) AS id, count(*) AS n,
  count(DISTINCT coalesce(value, value_long)) + count(*) FILTER (WHERE coalesce(value, value_long) IS NULL) AS different,
  min(coalesce(value, value_long)) AS least, max(coalesce(value, value_long)) AS most
FROM sensor_data WHERE nodeid LIKE '${NODE_PREFIX}%/sequence-%' GROUP BY nodeid`;
  return collect(target.rows<TagRows>(sql));
}

/** The newest number of each sequence that is in the table. */
export async function newest(target: Target): Promise<ReadonlyMap<string, number>> {
  return new Map((await sequences(target)).map(({ id, most }) => [id, Number(most ?? 0)]));
}

/** Each number from the one that stood when the collector subscribed to the last one issued is there, once. */
export async function everySequence(
  target: Target,
  before: readonly IssuedTag[],
  issued: readonly IssuedTag[],
): Promise<Check> {
  const rows = new Map((await sequences(target)).map((row) => [row.id, row]));
  const firsts = new Map(before.map(({ id, last }) => [id, last]));
  const wrong: string[] = [];
  let readings = 0;
  for (const { id, last } of issued) {
    const first = firsts.get(id) ?? 1;
    const expected = last - first + 1;
    const row = rows.get(id);
    const counts = [row?.n, row?.different, row?.least, row?.most].map(Number);
    readings += expected;
    if (counts.join() !== [expected, expected, first, last].join())
      wrong.push(`${id}: ${first} to ${last} issued, ${row?.n ?? 0} rows from ${row?.least} to ${row?.most}`);
  }
  const holds = wrong.length === 0 && issued.length > 0 && rows.size === issued.length;
  return check(
    `each of ${readings} readings of ${issued.length} sequences is there once, without a hole`,
    holds,
    `${wrong.length} of ${rows.size} sequences differ: ${wrong.slice(0, WRONG_SHOWN_MAX).join('; ')}`,
  );
}

/** Stretches of buckets that no refresh has seen yet; null while the sink has not made its tables. */
export async function touchedLeft(target: Target): Promise<number | null> {
  return (await exists(target, 'millrace_touched')) ? target.count('millrace_touched') : null;
}

/** The aggregate and a recomputation from the rows are the same buckets with the same values. */
export function everyAggregate(
  target: Target,
  series: { readonly table: string; readonly time: string },
  { name, overMs, by, select }: AggregateDef,
): () => Promise<Check> {
  const groups = by.map(quoted).join(', ');
  const bucket = `date_bin(interval '${overMs} milliseconds', ${quoted(series.time)}, timestamptz '2000-01-03 00:00:00+00')`;
  const again = select.map((column) => `${columnSql(column)} AS ${quoted(column.name)}`).join(', ');
  const keys = ['bucket', ...by].map(quoted).join(', ');
  const differs = select.map((column) => `NOT ${sameSql(column)}`).join(' OR ');
  const sql = `SELECT count(*) AS n, count(*) FILTER (WHERE a.bucket IS NULL OR r.bucket IS NULL OR ${differs}) AS wrong
FROM ${quoted(name)} AS a FULL JOIN (
  SELECT ${bucket} AS bucket, ${groups}, ${again} FROM ${quoted(series.table)} GROUP BY 1, ${groups}
) AS r USING (${keys})`;
  return async () => {
    const [row] = await collect(target.rows<{ n: string; wrong: string }>(sql));
    const { n, wrong } = row ?? { n: '0', wrong: '0' };
    const what = `${name} equals a recomputation from the rows`;
    return check(what, Number(n) > 0 && Number(wrong) === 0, `${wrong} of ${n} rows differ`);
  };
}

function columnSql({ fn, of }: AggregateColumn): string {
  if (fn === 'first' || fn === 'last') throw new RangeError(`${fn} is not recomputed here`);
  return of === null ? 'count(*)' : `${fn}(${quoted(of)})`;
}

function sameSql({ name, fn }: AggregateColumn): string {
  const [a, r] = [`a.${quoted(name)}`, `r.${quoted(name)}`];
  const same = `${a} IS NOT DISTINCT FROM ${r}`;
  if (fn !== 'avg' && fn !== 'sum') return `(${same})`;
  return `(${same} OR coalesce(abs(${a} - ${r}) <= ${RELATIVE} * greatest(1, abs(${r})), false))`;
}

async function exists(target: Target, table: string): Promise<boolean> {
  const sql = `SELECT to_regclass('${quoted(table)}') IS NOT NULL AS there`;
  return (await collect(target.rows<{ there: boolean }>(sql)))[0]?.there === true;
}

async function collect<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
