SELECT "public".create_hypertable('"public"."sensor''data"'::regclass, "public".by_range('Time', interval '3600000 milliseconds'), create_default_indexes => false);
