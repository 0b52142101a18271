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
COMMIT;
