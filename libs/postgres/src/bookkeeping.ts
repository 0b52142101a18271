import { quoteIdent } from './quote.ts';

/** The tables that Millrace keeps beside the rows, in the schema of the target table. */
export const BOOKKEEPING_TABLES = ['millrace_offset', 'millrace_load', 'millrace_gap'] as const;

export type BookkeepingTable = (typeof BOOKKEEPING_TABLES)[number];

/** A sink in the target: one `millrace_offset` may serve many pipelines. */
export interface SinkIdentity {
  readonly instance: string;
  readonly pipeline: string;
  readonly sink: string;
}

/** The column `sink`. */
export function sinkColumn({ instance, pipeline, sink }: SinkIdentity): string {
  return `${instance}/${pipeline}/${sink}`;
}

/** `CREATE TABLE` of one of them. Names of sinks and topics compare by their bytes in any database. */
export function bookkeepingDdl(table: BookkeepingTable, schema: string): string {
  return DDL[table].replace('%', `${quoteIdent(schema)}.${table}`);
}

const DDL: Readonly<Record<BookkeepingTable, string>> = {
  millrace_offset: `CREATE TABLE % (
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
)`,
  millrace_load: `CREATE TABLE % (
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
)`,
  millrace_gap: `CREATE TABLE % (
  sink text COLLATE "C" NOT NULL,
  topic text COLLATE "C" NOT NULL,
  partition integer NOT NULL,
  from_offset bigint NOT NULL,
  to_offset bigint NOT NULL,
  noticed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (sink, topic, partition, from_offset, to_offset)
)`,
};
