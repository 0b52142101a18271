DO $millrace$ DECLARE
  millrace_lows_ integer[]; millrace_highs_ integer[];
  millrace_low_ integer; millrace_high_ integer; millrace_middle_ integer; millrace_top_ integer;
  millrace_state_ text; millrace_message_ text; millrace_column_ text; millrace_constraint_ text;
  millrace_bad_ jsonb := '[]';
BEGIN
  -- Failed ranges give their locks back: an ALTER TABLE must not slip in between two of them.
  LOCK TABLE "public"."Tag""Data" IN ROW EXCLUSIVE MODE;
  SET CONSTRAINTS ALL IMMEDIATE;
  SELECT ARRAY[min(millrace_ord)], ARRAY[max(millrace_ord)] INTO millrace_lows_, millrace_highs_ FROM pg_temp.millrace_stage;
  WHILE cardinality(millrace_lows_) > 0 AND jsonb_array_length(millrace_bad_) <= 50 LOOP
    millrace_top_ := cardinality(millrace_lows_);
    millrace_low_ := millrace_lows_[millrace_top_];
    millrace_high_ := millrace_highs_[millrace_top_];
    millrace_lows_ := millrace_lows_[:millrace_top_ - 1];
    millrace_highs_ := millrace_highs_[:millrace_top_ - 1];
    BEGIN
      WITH winner AS MATERIALIZED (SELECT DISTINCT ON ("TagName", "Timestamp") * FROM (SELECT "TagName"::character varying AS "TagName", "Timestamp", "rev", "Value"::numeric(12,3) AS "Value", millrace_file_time, millrace_load, millrace_row FROM pg_temp.millrace_stage WHERE millrace_ord BETWEEN millrace_low_ AND millrace_high_) AS typed ORDER BY "TagName", "Timestamp", "rev" DESC NULLS LAST, millrace_file_time DESC NULLS LAST, millrace_load DESC NULLS LAST, millrace_row DESC NULLS LAST)
INSERT INTO "public"."Tag""Data" AS t ("TagName", "Timestamp", "rev", "Value", "millrace_file_time", "millrace_load", "millrace_row") SELECT "TagName", "Timestamp", "rev", "Value", "millrace_file_time", "millrace_load", "millrace_row" FROM winner ORDER BY "TagName", "Timestamp"
ON CONFLICT ("TagName", "Timestamp") DO UPDATE SET "rev" = excluded."rev", "Value" = excluded."Value", "millrace_file_time" = excluded."millrace_file_time", "millrace_load" = excluded."millrace_load", "millrace_row" = excluded."millrace_row"
WHERE (excluded."rev" > t."rev" OR (excluded."rev" IS NOT NULL AND t."rev" IS NULL) OR (excluded."rev" IS NOT DISTINCT FROM t."rev" AND (excluded."millrace_file_time" > t."millrace_file_time" OR (excluded."millrace_file_time" = t."millrace_file_time" AND (excluded."millrace_load" > t."millrace_load" COLLATE "C" OR (excluded."millrace_load" = t."millrace_load" COLLATE "C" AND excluded."millrace_row" > t."millrace_row"))))));
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS millrace_state_ = RETURNED_SQLSTATE, millrace_message_ = MESSAGE_TEXT,
        millrace_column_ = COLUMN_NAME, millrace_constraint_ = CONSTRAINT_NAME;
      IF NOT (millrace_state_ LIKE '22001%' OR millrace_state_ LIKE '22003%' OR millrace_state_ LIKE '22%' OR millrace_state_ LIKE '23502%' OR millrace_state_ LIKE '23503%' OR millrace_state_ LIKE '23505%' OR millrace_state_ LIKE '23514%' OR millrace_state_ LIKE '23%' OR millrace_state_ LIKE '21%' OR millrace_state_ LIKE '44%' OR millrace_state_ LIKE '54000%' OR millrace_state_ LIKE 'P0001%') THEN RAISE; END IF;
      IF millrace_low_ = millrace_high_ THEN
        millrace_bad_ := millrace_bad_ || jsonb_build_object('ord', millrace_low_, 'state', millrace_state_,
          'message', millrace_message_, 'column', millrace_column_, 'constraint', millrace_constraint_);
      ELSE
        millrace_middle_ := millrace_low_ + (millrace_high_ - millrace_low_) / 2;
        millrace_lows_ := millrace_lows_ || ARRAY[millrace_middle_ + 1, millrace_low_];
        millrace_highs_ := millrace_highs_ || ARRAY[millrace_high_, millrace_middle_];
      END IF;
    END;
  END LOOP;
  RAISE EXCEPTION 'probed' USING ERRCODE = 'MR002', DETAIL = millrace_bad_::text;
END $millrace$;
