CREATE TABLE "public"."log" (
  "ID" bigint GENERATED ALWAYS AS IDENTITY,
  "TagName" varchar(50) NOT NULL,
  "Timestamp" timestamp with time zone NOT NULL,
  "rev" integer,
  "Value" numeric(12,3),
  "ImportDate" timestamptz NOT NULL DEFAULT now(),
  "millrace_file_time" timestamptz NOT NULL,
  "millrace_load" text COLLATE "C" NOT NULL,
  "millrace_row" bigint NOT NULL
);

CREATE UNIQUE INDEX ON "public"."log" ("millrace_load", "millrace_row");
