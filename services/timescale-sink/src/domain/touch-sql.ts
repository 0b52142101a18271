import { quoteIdent, quoteText, STAGE } from '@millrace/postgres';
import { ORIGIN, ours, type Series, seriesLock } from './series.ts';

/**
 * What each batch does in its transaction before it merges: notes the buckets that it touches, for every registered
 * aggregate, one row per unbroken stretch of buckets. The aggregates are read from the database, so that a process
 * with an older pipeline file touches for a newer one as well.
 */
export function touchStatements(series: Series): readonly string[] {
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
  ];
}
