CREATE MATERIALIZED VIEW "public"."rolling_avg" WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT "public".time_bucket(interval '60000 milliseconds', "Time") AS bucket, "tag""name", avg("Value") AS "avg_value", count(*) AS "n", "public".last("Value", "Time") AS "newest"
FROM "public"."sensor'data" GROUP BY "public".time_bucket(interval '60000 milliseconds', "Time"), "tag""name" WITH NO DATA;

COMMENT ON VIEW "public"."rolling_avg" IS 'millrace aggregate: 60000 ms by (tag"name): avg_value = avg(Value), n = count(*), newest = last(Value)';

SELECT "public".add_continuous_aggregate_policy('"public"."rolling_avg"'::regclass, start_offset => interval '2592000000 milliseconds', end_offset => interval '60000 milliseconds', schedule_interval => interval '60000 milliseconds', if_not_exists => true);

SELECT "public".add_retention_policy('"public"."rolling_avg"'::regclass, drop_after => interval '7776000000 milliseconds', if_not_exists => true);

SELECT "public".add_retention_policy('"public"."sensor''data"'::regclass, drop_after => interval '2592000000 milliseconds', if_not_exists => true);

SELECT "Time"::text AS cut FROM "public"."sensor'data" ORDER BY "Time" DESC OFFSET 99999 LIMIT 1;

CALL "public".refresh_continuous_aggregate('"public"."rolling_avg"'::regclass, NULL, '2026-01-01 00:00:00+00'::timestamptz);

SELECT count(*)::int AS chunks FROM "public".drop_chunks('"public"."sensor''data"'::regclass, older_than => '2026-01-01 00:00:00+00'::timestamptz);
