BEGIN;
DO $millrace$ BEGIN
  UPDATE "public".millrace_offset
  SET next = 103, counted_through = greatest(counted_through, 103),
      ledger_through = greatest(ledger_through, 90), updated_at = now()
  WHERE sink = 'plant/historian/o''brien' AND topic = 'historian.clean' AND partition = 3 AND fencing_token = 7 AND next = 100;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'another owner or another position' USING ERRCODE = 'MR001';
  END IF;
END $millrace$;
WITH winner AS MATERIALIZED (SELECT DISTINCT ON ("TagName", "Timestamp") * FROM (SELECT "TagName"::character varying AS "TagName", "Timestamp", "rev", "Value"::numeric(12,3) AS "Value", millrace_file_time, millrace_load, millrace_row FROM pg_temp.millrace_stage) AS typed ORDER BY "TagName", "Timestamp", "rev" DESC NULLS LAST, millrace_file_time DESC NULLS LAST, millrace_load DESC NULLS LAST, millrace_row DESC NULLS LAST)
INSERT INTO "public"."Tag""Data" AS t ("TagName", "Timestamp", "rev", "Value", "millrace_file_time", "millrace_load", "millrace_row") SELECT "TagName", "Timestamp", "rev", "Value", "millrace_file_time", "millrace_load", "millrace_row" FROM winner ORDER BY "TagName", "Timestamp"
ON CONFLICT ("TagName", "Timestamp") DO UPDATE SET "rev" = excluded."rev", "Value" = excluded."Value", "millrace_file_time" = excluded."millrace_file_time", "millrace_load" = excluded."millrace_load", "millrace_row" = excluded."millrace_row"
WHERE (excluded."rev" > t."rev" OR (excluded."rev" IS NOT NULL AND t."rev" IS NULL) OR (excluded."rev" IS NOT DISTINCT FROM t."rev" AND (excluded."millrace_file_time" > t."millrace_file_time" OR (excluded."millrace_file_time" = t."millrace_file_time" AND (excluded."millrace_load" > t."millrace_load" COLLATE "C" OR (excluded."millrace_load" = t."millrace_load" COLLATE "C" AND excluded."millrace_row" > t."millrace_row"))))));
COMMIT;
