CREATE TABLE "public".millrace_offset (
  sink text COLLATE "C" NOT NULL,
  topic text COLLATE "C" NOT NULL,
  partition integer NOT NULL,
  next bigint NOT NULL,
  counted_through bigint NOT NULL,
  fencing_token bigint NOT NULL,
  owner text NOT NULL,
  owner_session text NOT NULL,
  start_offset bigint NOT NULL,
  ledger_through bigint NOT NULL,
  cluster_id text NOT NULL,
  layout_hash text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (sink, topic, partition)
);

CREATE TABLE "public".millrace_load (
  sink text COLLATE "C" NOT NULL,
  topic text COLLATE "C" NOT NULL,
  partition integer NOT NULL,
  load_id text COLLATE "C" NOT NULL,
  part bigint NOT NULL,
  applied_n bigint NOT NULL,
  applied_a bigint NOT NULL,
  applied_b bigint NOT NULL,
  inserted bigint NOT NULL,
  updated bigint NOT NULL,
  unchanged bigint NOT NULL,
  superseded bigint NOT NULL,
  rejected_n bigint NOT NULL,
  rejected_a bigint NOT NULL,
  rejected_b bigint NOT NULL,
  resolved_n bigint NOT NULL,
  resolved_a bigint NOT NULL,
  resolved_b bigint NOT NULL,
  through_offset bigint NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (sink, topic, partition, load_id)
);

CREATE TABLE "public".millrace_gap (
  sink text COLLATE "C" NOT NULL,
  topic text COLLATE "C" NOT NULL,
  partition integer NOT NULL,
  from_offset bigint NOT NULL,
  to_offset bigint NOT NULL,
  noticed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (sink, topic, partition, from_offset, to_offset)
);
