BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT pg_advisory_xact_lock(hashtextextended('millrace.series.public.sensor''data', 0));
DELETE FROM "public".millrace_aggregate WHERE table_name = 'sensor''data' AND aggregate NOT IN ('', 'rolling_avg');
DELETE FROM "public".millrace_touched WHERE table_name = 'sensor''data' AND aggregate NOT IN ('', 'rolling_avg');
COMMIT;
