import type { SinkDef, TimeSeriesDef } from '@millrace/config';
import { quoteIdent, quoteTable, quoteText, type TableSpec } from '@millrace/postgres';

/** A table of rows in time, as the SQL of this folder sees it. */
export interface Series extends TimeSeriesDef {
  readonly schema: string;
  readonly table: string;
  /** What tells two rows of one time apart: completes the order of `first` and `last`. */
  readonly key: readonly string[];
}

export function seriesOf(sink: SinkDef, def: TimeSeriesDef): Series {
  const key = sink.write.mode === 'merge' ? sink.write.key : ['millrace_load', 'millrace_row'];
  return { ...def, schema: sink.schema, table: sink.table, key };
}

/** The sink's table with what a series adds: an index on time, and time in its unique index. */
export function tableOf(sink: SinkDef, { time }: Series): TableSpec {
  const indexed = sink.indexes.some((index) => index[0] === time);
  return { ...sink, partitionedBy: time, indexes: indexed ? sink.indexes : [...sink.indexes, [time]] };
}

/** Buckets are counted from here, as `time_bucket` does: a Monday. */
export const ORIGIN = "timestamptz '2000-01-03 00:00:00+00'";

/** A length of time that no time zone changes. */
export function interval(ms: number): string {
  return `interval '${Math.trunc(ms)} milliseconds'`;
}

export function bucketOf(widthMs: number, time: string): string {
  return `date_bin(${interval(widthMs)}, ${time}, ${ORIGIN})`;
}

export function ours(
  series: Pick<Series, 'schema'>,
  name: 'series' | 'aggregate' | 'touched' | 'progress',
): string {
  return `${quoteIdent(series.schema)}.millrace_${name}`;
}

/** Batches hold it shared from before they note what they touch; a drop holds it alone. */
export function seriesLock({ schema, table }: Pick<Series, 'schema' | 'table'>): string {
  return `hashtextextended(${quoteText(`millrace.series.${schema}.${table}`)}, 0)`;
}

/** Held by the one session that looks after the series. */
export function upkeepLock({ schema, table }: Pick<Series, 'schema' | 'table'>): string {
  return `hashtextextended(${quoteText(`millrace.upkeep.${schema}.${table}`)}, 0)`;
}

/** The table as an argument of the extension's functions. */
export function regclass(table: { readonly schema: string; readonly table: string }): string {
  return `${quoteText(quoteTable(table))}::regclass`;
}

/** Tables that we keep beside the rows, by name. */
export function seriesBookkeeping(schema: string): ReadonlyMap<string, string> {
  const name = (table: string) => `${quoteIdent(schema)}.${table}`;
  return new Map([
    [
      'millrace_series',
      `CREATE TABLE ${name('millrace_series')} (
  table_name text COLLATE "C" PRIMARY KEY,
  dropped_before timestamptz NOT NULL DEFAULT '-infinity'
)`,
    ],
    [
      'millrace_aggregate',
      `CREATE TABLE ${name('millrace_aggregate')} (
  table_name text COLLATE "C" NOT NULL,
  aggregate text COLLATE "C" NOT NULL,
  width interval NOT NULL,
  seeded boolean NOT NULL DEFAULT false,
  PRIMARY KEY (table_name, aggregate)
)`,
    ],
    [
      'millrace_touched',
      `CREATE TABLE ${name('millrace_touched')} (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  table_name text COLLATE "C" NOT NULL,
  aggregate text COLLATE "C" NOT NULL,
  first_bucket timestamptz NOT NULL,
  last_bucket timestamptz NOT NULL
);
CREATE INDEX ON ${name('millrace_touched')} (table_name, aggregate, first_bucket)`,
    ],
    [
      'millrace_progress',
      `CREATE TABLE ${name('millrace_progress')} (
  table_name text COLLATE "C" NOT NULL,
  sink text COLLATE "C" NOT NULL,
  topic text COLLATE "C" NOT NULL,
  partition integer NOT NULL,
  newest timestamptz NOT NULL,
  written_at timestamptz NOT NULL,
  PRIMARY KEY (table_name, sink, topic, partition)
)`,
    ],
  ]);
}
