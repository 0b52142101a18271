BEGIN ISOLATION LEVEL READ COMMITTED;
TRUNCATE pg_temp.millrace_due;
WITH taken AS (
  DELETE FROM "public".millrace_touched WHERE id IN (SELECT id FROM "public".millrace_touched WHERE table_name = 'sensor''data' AND aggregate = 'rolling_avg' ORDER BY first_bucket LIMIT 500)
  RETURNING first_bucket, last_bucket
)
INSERT INTO pg_temp.millrace_due SELECT DISTINCT generate_series(date_bin(interval '60000 milliseconds', first_bucket, timestamptz '2000-01-03 00:00:00+00'), last_bucket, interval '60000 milliseconds') FROM taken;
DELETE FROM pg_temp.millrace_due WHERE bucket < (SELECT dropped_before FROM "public".millrace_series WHERE table_name = 'sensor''data');
DELETE FROM "public"."rolling_avg" AS a USING pg_temp.millrace_due AS d WHERE a.bucket = d.bucket;
INSERT INTO "public"."rolling_avg" (bucket, "tag""name", "avg_value", "n", "newest")
SELECT d.bucket, c.* FROM pg_temp.millrace_due AS d CROSS JOIN LATERAL (
  SELECT r."tag""name", avg(r."Value") AS "avg_value", count(*) AS "n", (array_agg(r."Value" ORDER BY r."Time" DESC, r."tag""name" DESC))[1] AS "newest" FROM "public"."sensor'data" AS r WHERE r."Time" >= d.bucket AND r."Time" < d.bucket + interval '60000 milliseconds' GROUP BY r."tag""name"
) AS c;
COMMIT;
SELECT EXISTS (SELECT FROM "public".millrace_touched WHERE table_name = 'sensor''data' AND aggregate = 'rolling_avg') AS left;
