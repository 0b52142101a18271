CREATE TABLE "public".millrace_series (
  table_name text COLLATE "C" PRIMARY KEY,
  dropped_before timestamptz NOT NULL DEFAULT '-infinity'
);

CREATE TABLE "public".millrace_aggregate (
  table_name text COLLATE "C" NOT NULL,
  aggregate text COLLATE "C" NOT NULL,
  width interval NOT NULL,
  seeded boolean NOT NULL DEFAULT false,
  PRIMARY KEY (table_name, aggregate)
);

CREATE TABLE "public".millrace_touched (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  table_name text COLLATE "C" NOT NULL,
  aggregate text COLLATE "C" NOT NULL,
  first_bucket timestamptz NOT NULL,
  last_bucket timestamptz NOT NULL
);
CREATE INDEX ON "public".millrace_touched (table_name, aggregate, first_bucket);

CREATE TABLE "public".millrace_progress (
  table_name text COLLATE "C" NOT NULL,
  sink text COLLATE "C" NOT NULL,
  topic text COLLATE "C" NOT NULL,
  partition integer NOT NULL,
  newest timestamptz NOT NULL,
  written_at timestamptz NOT NULL,
  PRIMARY KEY (table_name, sink, topic, partition)
);
