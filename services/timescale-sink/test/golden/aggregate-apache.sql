CREATE TABLE "public"."rolling_avg" AS SELECT date_bin(interval '60000 milliseconds', r."Time", timestamptz '2000-01-03 00:00:00+00') AS bucket, r."tag""name", avg(r."Value") AS "avg_value", count(*) AS "n", (array_agg(r."Value" ORDER BY r."Time" DESC, r."tag""name" DESC))[1] AS "newest" FROM "public"."sensor'data" AS r GROUP BY 1, r."tag""name" WITH NO DATA;

ALTER TABLE "public"."rolling_avg" ALTER COLUMN bucket SET NOT NULL;

CREATE INDEX ON "public"."rolling_avg" (bucket);

CREATE UNIQUE INDEX ON "public"."rolling_avg" ("tag""name", bucket);

SELECT "public".create_hypertable('"public"."rolling_avg"'::regclass, "public".by_range('bucket', interval '600000000 milliseconds'), create_default_indexes => false);

COMMENT ON TABLE "public"."rolling_avg" IS 'millrace aggregate: 60000 ms by (tag"name): avg_value = avg(Value), n = count(*), newest = last(Value)';

SELECT pg_advisory_xact_lock(hashtextextended('millrace.series.public.sensor''data', 0));

INSERT INTO "public".millrace_aggregate (table_name, aggregate, width)
VALUES ('sensor''data', 'rolling_avg', interval '60000 milliseconds') ON CONFLICT (table_name, aggregate) DO UPDATE SET width = excluded.width, seeded = false;

BEGIN ISOLATION LEVEL READ COMMITTED;
WITH unseeded AS (UPDATE "public".millrace_aggregate SET seeded = true WHERE table_name = 'sensor''data' AND aggregate = 'rolling_avg' AND NOT seeded RETURNING aggregate)
INSERT INTO "public".millrace_touched (table_name, aggregate, first_bucket, last_bucket)
SELECT 'sensor''data', u.aggregate, b.first_bucket, b.first_bucket + 99 * interval '60000 milliseconds'
FROM unseeded AS u CROSS JOIN (
  SELECT DISTINCT date_bin(interval '6000000 milliseconds', "Time", timestamptz '2000-01-03 00:00:00+00') AS first_bucket FROM "public"."sensor'data"
) AS b;
COMMIT;
