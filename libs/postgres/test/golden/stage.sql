CREATE TEMPORARY TABLE millrace_stage (
  millrace_ord integer NOT NULL,
  millrace_load text COLLATE "C" NOT NULL,
  millrace_row bigint NOT NULL,
  millrace_file_time timestamp with time zone NOT NULL,
  "TagName" text,
  "Timestamp" timestamp with time zone,
  "rev" integer,
  "Value" numeric
);
