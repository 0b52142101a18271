CREATE TABLE "public"."rolling_avg" AS SELECT date_bin(interval '60000 milliseconds', r."Time", timestamptz '2000-01-03 00:00:00+00') AS bucket, avg(r."Value") AS "avg_value", count(*) AS "n", (array_agg(r."Value" ORDER BY r."Time" DESC, r."tag""name" DESC))[1] AS "newest" FROM "public"."sensor'data" AS r GROUP BY 1 WITH NO DATA;

ALTER TABLE "public"."rolling_avg" ALTER COLUMN bucket SET NOT NULL;

CREATE INDEX ON "public"."rolling_avg" (bucket);

COMMENT ON TABLE "public"."rolling_avg" IS 'millrace aggregate: 60000 ms by (): avg_value = avg(Value), n = count(*), newest = last(Value)';
