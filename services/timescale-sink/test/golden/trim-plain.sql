DO $millrace$ DECLARE
  millrace_cut_ timestamptz := '-infinity';
  millrace_found_ timestamptz;
  millrace_chunks_ integer := 0;
  millrace_rows_ integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('millrace.series.public.sensor''data', 0));
  SELECT "Time" INTO millrace_found_ FROM "public"."sensor'data" ORDER BY "Time" DESC OFFSET 99999 LIMIT 1;
  millrace_cut_ := greatest(millrace_cut_, millrace_found_);
  millrace_cut_ := greatest(millrace_cut_, now() - interval '2592000000 milliseconds');
  -- No further than the oldest bucket that waits to be computed, and whole buckets only.
  SELECT least(millrace_cut_, min(first_bucket)) INTO millrace_cut_ FROM "public".millrace_touched WHERE table_name = 'sensor''data';
  -- Nor past a partition of the topic that is at work and behind the others: its rows are still to come.
  SELECT least(millrace_cut_, min(newest)) INTO millrace_cut_ FROM "public".millrace_progress WHERE table_name = 'sensor''data' AND written_at > now() - interval '60000 milliseconds';
  SELECT least(millrace_cut_, min(date_bin(width, millrace_cut_, timestamptz '2000-01-03 00:00:00+00'))) INTO millrace_cut_ FROM "public".millrace_aggregate WHERE table_name = 'sensor''data';
  IF EXISTS (SELECT FROM "public"."sensor'data" WHERE "Time" < millrace_cut_) THEN
    INSERT INTO "public".millrace_series AS s (table_name, dropped_before) VALUES ('sensor''data', millrace_cut_)
    ON CONFLICT (table_name) DO UPDATE SET dropped_before = greatest(s.dropped_before, excluded.dropped_before);
    SELECT "Time" INTO millrace_found_ FROM "public"."sensor'data" WHERE "Time" < millrace_cut_ ORDER BY "Time" OFFSET 9999 LIMIT 1;
    DELETE FROM "public"."sensor'data" WHERE "Time" < millrace_cut_ AND "Time" <= coalesce(millrace_found_, millrace_cut_);
    GET DIAGNOSTICS millrace_rows_ = ROW_COUNT;
  END IF;
  PERFORM set_config('millrace.dropped', millrace_chunks_ || '/' || millrace_rows_ || '/' || millrace_cut_, false);
END $millrace$;
SELECT split_part(told, '/', 1)::int AS chunks, split_part(told, '/', 2)::int AS rows, split_part(told, '/', 3) AS before
FROM current_setting('millrace.dropped') AS told;
