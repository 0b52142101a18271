import { type OffsetPlace, quoteIdent, quoteText, STAGE } from '@millrace/postgres';
import { ORIGIN, ours, type Series, seriesLock } from './series.ts';

/**
 * What each batch does in its transaction before it merges: notes the buckets that it touches, for every registered
 * aggregate, one row per unbroken stretch of buckets. The aggregates are read from the database, so that a process
 * with an older pipeline file touches for a newer one as well.
 */
export function touchStatements(series: Series, place: OffsetPlace): readonly string[] {
  const { table, time } = series;
  return [
    // Two statements: the second has to see what was registered or dropped while the first waited.
    `SELECT pg_advisory_xact_lock_shared(${seriesLock(series)})`,
    `INSERT INTO ${ours(series, 'touched')} (table_name, aggregate, first_bucket, last_bucket)
SELECT ${quoteText(table)}, aggregate, min(bucket), max(bucket) FROM (
  SELECT aggregate, bucket, bucket - width * row_number() OVER (PARTITION BY aggregate ORDER BY bucket) AS stretch
  FROM (
    SELECT DISTINCT a.aggregate, a.width, date_bin(a.width, s.${quoteIdent(time)}, ${ORIGIN}) AS bucket
    FROM ${ours(series, 'aggregate')} AS a CROSS JOIN ${STAGE} AS s WHERE a.table_name = ${quoteText(table)}
  ) AS touched
) AS stretches GROUP BY aggregate, stretch`,
    // So that rows are not dropped while a partition of the topic is still far behind the others.
    progress(series, place, `SELECT max(s.${quoteIdent(time)})`, `FROM ${STAGE} AS s HAVING count(*) > 0`),
  ];
}

/** A partition that was just claimed has something to say soon, about times that we do not know yet. */
export function claimProgress(series: Series, place: OffsetPlace): string {
  return progress(series, place, "SELECT timestamptz '-infinity'", 'WHERE true');
}

function progress(
  series: Series,
  { sink, topic, partition }: OffsetPlace,
  select: string,
  from: string,
): string {
  const key = `${quoteText(series.table)}, ${quoteText(sink)}, ${quoteText(topic)}, ${partition}`;
  return `INSERT INTO ${ours(series, 'progress')} AS p (newest, table_name, sink, topic, partition, written_at)
${select}, ${key}, now() ${from}
ON CONFLICT (table_name, sink, topic, partition) DO UPDATE
SET newest = greatest(p.newest, excluded.newest), written_at = excluded.written_at`;
}
