SELECT pg_advisory_xact_lock_shared(hashtextextended('millrace.series.public.sensor''data', 0));

INSERT INTO "public".millrace_touched (table_name, aggregate, first_bucket, last_bucket)
SELECT 'sensor''data', aggregate, min(bucket), max(bucket) FROM (
  SELECT aggregate, bucket, bucket - width * row_number() OVER (PARTITION BY aggregate ORDER BY bucket) AS stretch
  FROM (
    SELECT DISTINCT a.aggregate, a.width, date_bin(a.width, s."Time", timestamptz '2000-01-03 00:00:00+00') AS bucket
    FROM "public".millrace_aggregate AS a CROSS JOIN pg_temp.millrace_stage AS s WHERE a.table_name = 'sensor''data'
  ) AS touched
) AS stretches GROUP BY aggregate, stretch;

INSERT INTO "public".millrace_progress AS p (newest, table_name, sink, topic, partition, written_at)
SELECT max(s."Time"), 'sensor''data', 'plant/scraper/sensors', 'scraper.clean', 3, now() FROM pg_temp.millrace_stage AS s HAVING count(*) > 0
ON CONFLICT (table_name, sink, topic, partition) DO UPDATE
SET newest = greatest(p.newest, excluded.newest), written_at = excluded.written_at;

INSERT INTO "public".millrace_progress AS p (newest, table_name, sink, topic, partition, written_at)
SELECT timestamptz '-infinity', 'sensor''data', 'plant/scraper/sensors', 'scraper.clean', 3, now() WHERE true
ON CONFLICT (table_name, sink, topic, partition) DO UPDATE
SET newest = greatest(p.newest, excluded.newest), written_at = excluded.written_at;
