import { quoteIdent, quoteTable, quoteText } from '@millrace/postgres';
import { interval, ORIGIN, ours, regclass, type Series, seriesLock } from './series.ts';
import type { Server } from './server.ts';

/** Rows that one transaction deletes, beside whole chunks. */
export const DELETE_ROWS = 10_000;

/** A partition that has written or was claimed this recently holds a drop back, however far it is behind. */
const AT_WORK_MS = 60_000;

/** The answer of both requests: chunks and rows that went, and up to when. */
export const DROPPED = `SELECT split_part(told, '/', 1)::int AS chunks, split_part(told, '/', 2)::int AS rows, split_part(told, '/', 3) AS before
FROM current_setting('millrace.dropped') AS told`;

/**
 * One step of retention: finds the cut, then drops whole chunks and up to 10,000 rows below it. Alone with the
 * series, so that no batch stands between its entry and its rows; the server finishes it without us.
 */
export function trimSeries(series: Series, server: Server): string {
  const { time, table, retention } = series;
  const name = quoteTable(series);
  const column = quoteIdent(time);
  const bounds: string[] = [];
  if (retention?.rows != null) {
    bounds.push(`  SELECT ${column} INTO millrace_found_ FROM ${name} ORDER BY ${column} DESC OFFSET ${retention.rows - 1} LIMIT 1;
  millrace_cut_ := greatest(millrace_cut_, millrace_found_);`);
  }
  if (retention?.ageMs != null) {
    bounds.push(`  millrace_cut_ := greatest(millrace_cut_, now() - ${interval(retention.ageMs)});`);
  }
  return `DO $millrace$ DECLARE
  millrace_cut_ timestamptz := '-infinity';
  millrace_found_ timestamptz;
  millrace_chunks_ integer := 0;
  millrace_rows_ integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(${seriesLock(series)});
${bounds.join('\n')}
  -- No further than the oldest bucket that waits to be computed, and whole buckets only.
  SELECT least(millrace_cut_, min(first_bucket)) INTO millrace_cut_ FROM ${ours(series, 'touched')} WHERE table_name = ${quoteText(table)};
  -- Nor past a partition of the topic that is at work and behind the others: its rows are still to come.
  SELECT least(millrace_cut_, min(newest)) INTO millrace_cut_ FROM ${ours(series, 'progress')} WHERE table_name = ${quoteText(table)} AND written_at > now() - ${interval(AT_WORK_MS)};
  SELECT least(millrace_cut_, min(date_bin(width, millrace_cut_, ${ORIGIN}))) INTO millrace_cut_ FROM ${ours(series, 'aggregate')} WHERE table_name = ${quoteText(table)};
  IF EXISTS (SELECT FROM ${name} WHERE ${column} < millrace_cut_) THEN
    INSERT INTO ${ours(series, 'series')} AS s (table_name, dropped_before) VALUES (${quoteText(table)}, millrace_cut_)
    ON CONFLICT (table_name) DO UPDATE SET dropped_before = greatest(s.dropped_before, excluded.dropped_before);
${dropBelowCut(series, time, server)}
  END IF;
${TELL}
END $millrace$;
${DROPPED}`;
}

/** The same for an aggregate's own buckets. */
export function trimAggregate(
  table: { readonly schema: string; readonly table: string },
  ageMs: number,
  server: Server,
): string {
  return `DO $millrace$ DECLARE
  millrace_cut_ timestamptz := now() - ${interval(ageMs)};
  millrace_found_ timestamptz;
  millrace_chunks_ integer := 0;
  millrace_rows_ integer := 0;
BEGIN
${dropBelowCut(table, 'bucket', server)}
${TELL}
END $millrace$;
${DROPPED}`;
}

function dropBelowCut(
  table: { readonly schema: string; readonly table: string },
  time: string,
  server: Server,
): string {
  const column = quoteIdent(time);
  const name = quoteTable(table);
  const chunks =
    server.kind === 'plain'
      ? ''
      : `    SELECT count(*) INTO millrace_chunks_ FROM ${quoteIdent(server.extensionSchema)}.drop_chunks(${regclass(table)}, older_than => millrace_cut_);\n`;
  return `${chunks}    SELECT ${column} INTO millrace_found_ FROM ${name} WHERE ${column} < millrace_cut_ ORDER BY ${column} OFFSET ${DELETE_ROWS - 1} LIMIT 1;
    DELETE FROM ${name} WHERE ${column} < millrace_cut_ AND ${column} <= coalesce(millrace_found_, millrace_cut_);
    GET DIAGNOSTICS millrace_rows_ = ROW_COUNT;`;
}

const TELL = `  PERFORM set_config('millrace.dropped', millrace_chunks_ || '/' || millrace_rows_ || '/' || millrace_cut_, false);`;
