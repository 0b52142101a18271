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
WITH winner AS MATERIALIZED (SELECT DISTINCT ON ("TagName", "Timestamp") * FROM (SELECT "TagName"::character varying AS "TagName", "Timestamp", "rev", "Value"::numeric(12,3) AS "Value", millrace_file_time, millrace_load, millrace_row FROM pg_temp.millrace_stage) AS typed ORDER BY "TagName", "Timestamp", "rev" DESC NULLS LAST, millrace_file_time DESC NULLS LAST, millrace_load DESC NULLS LAST, millrace_row DESC NULLS LAST),
existed AS MATERIALIZED (SELECT o."TagName", o."Timestamp" FROM "public"."Tag""Data" AS o JOIN winner AS w ON o."TagName" = w."TagName" AND o."Timestamp" = w."Timestamp"),
merged AS (
INSERT INTO "public"."Tag""Data" AS t ("TagName", "Timestamp", "rev", "Value", "millrace_file_time", "millrace_load", "millrace_row") SELECT "TagName", "Timestamp", "rev", "Value", "millrace_file_time", "millrace_load", "millrace_row" FROM winner ORDER BY "TagName", "Timestamp"
ON CONFLICT ("TagName", "Timestamp") DO UPDATE SET "rev" = excluded."rev", "Value" = excluded."Value", "millrace_file_time" = excluded."millrace_file_time", "millrace_load" = excluded."millrace_load", "millrace_row" = excluded."millrace_row"
WHERE (excluded."rev" > t."rev" OR (excluded."rev" IS NOT NULL AND t."rev" IS NULL) OR (excluded."rev" IS NOT DISTINCT FROM t."rev" AND (excluded."millrace_file_time" > t."millrace_file_time" OR (excluded."millrace_file_time" = t."millrace_file_time" AND (excluded."millrace_load" > t."millrace_load" COLLATE "C" OR (excluded."millrace_load" = t."millrace_load" COLLATE "C" AND excluded."millrace_row" > t."millrace_row"))))))
RETURNING t.millrace_load, (NOT EXISTS (SELECT FROM existed AS e WHERE e."TagName" = t."TagName" AND e."Timestamp" = t."Timestamp")) AS inserted
),
counted AS (
  SELECT millrace_load AS load_id, count(*) FILTER (WHERE inserted) AS inserted, count(*) FILTER (WHERE NOT inserted) AS updated
  FROM merged GROUP BY 1
),
staged AS (SELECT millrace_load AS load_id, count(*) AS n FROM pg_temp.millrace_stage GROUP BY 1),
won AS (SELECT millrace_load AS load_id, count(*) AS n FROM winner GROUP BY 1)
INSERT INTO "public".millrace_load AS l (sink, topic, partition, load_id, part,
  applied_n, applied_a, applied_b, inserted, updated, unchanged, superseded,
  rejected_n, rejected_a, rejected_b, resolved_n, resolved_a, resolved_b, through_offset)
SELECT 'plant/historian/o''brien', 'historian.clean', 3, d.load_id, 100, d.applied_n, d.applied_a, d.applied_b,
  coalesce(c.inserted, 0), coalesce(c.updated, 0),
  coalesce(w.n, 0) - coalesce(c.inserted, 0) - coalesce(c.updated, 0),
  coalesce(s.n, 0) - coalesce(w.n, 0),
  d.rejected_n, d.rejected_a, d.rejected_b, d.resolved_n, d.resolved_a, d.resolved_b, 103
FROM (VALUES ('0123456789abcdef', 3::bigint, 11::bigint, 4294967295::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint)) AS d (load_id, applied_n, applied_a, applied_b, rejected_n, rejected_a, rejected_b, resolved_n, resolved_a, resolved_b)
LEFT JOIN staged AS s USING (load_id) LEFT JOIN won AS w USING (load_id) LEFT JOIN counted AS c USING (load_id)
ORDER BY d.load_id
ON CONFLICT (sink, topic, partition, load_id) DO UPDATE SET applied_n = l.applied_n + excluded.applied_n,
  applied_a = (l.applied_a + excluded.applied_a) % 4294967296,
  applied_b = (l.applied_b + excluded.applied_b) % 4294967296,
  rejected_n = l.rejected_n + excluded.rejected_n,
  rejected_a = (l.rejected_a + excluded.rejected_a) % 4294967296,
  rejected_b = (l.rejected_b + excluded.rejected_b) % 4294967296,
  resolved_n = l.resolved_n + excluded.resolved_n,
  resolved_a = (l.resolved_a + excluded.resolved_a) % 4294967296,
  resolved_b = (l.resolved_b + excluded.resolved_b) % 4294967296,
  inserted = l.inserted + excluded.inserted,
  updated = l.updated + excluded.updated,
  unchanged = l.unchanged + excluded.unchanged,
  superseded = l.superseded + excluded.superseded,
  through_offset = excluded.through_offset, updated_at = now();
COMMIT;
SELECT load_id, part, applied_n, applied_a, applied_b, inserted, updated, unchanged, superseded,
  rejected_n, rejected_a, rejected_b, resolved_n, resolved_a, resolved_b, through_offset
FROM "public".millrace_load WHERE sink = 'plant/historian/o''brien' AND topic = 'historian.clean' AND partition = 3 AND load_id IN ('0123456789abcdef');
