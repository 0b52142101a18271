import type { FieldDef, FieldType } from '@millrace/core';
import type { OpcuaSource } from './opcua-model.ts';
import type { Secret } from './secret.ts';

/** One pipeline file, parsed, checked and with every default filled in. Code sees only this. */
export interface Pipeline {
  /** `[a-z][a-z0-9-]*`, at most 60 characters. */
  readonly name: string;
  /** The file it came from. */
  readonly file: string;
  readonly description: string;
  /** Raised to start over with fresh topics, see ADR 0004. */
  readonly generation: number;
  /** Partitions of every topic of the pipeline. Default 8. */
  readonly partitions: number;
  /** Retention of data topics. Default 14 days. */
  readonly retentionMs: number;
  /** sha-256 of the file's meaning (comments and secrets' values left out), 16 hex digits. */
  readonly hash: string;
  /**
   * The part of it that must not change within a generation: partitions, record key, dedupe key, names and keys of
   * the outputs. A sink may be added at any time (ADR 0003 case 8) and has a hash of its own.
   */
  readonly layoutHash: string;
  readonly source: FileSource | OpcuaSource;
  readonly record: RecordDef;
  readonly transform: TransformDef;
  readonly sinks: readonly SinkDef[];
}

/** A pipeline whose records are rows of files. */
export interface FilePipeline extends Pipeline {
  readonly source: FileSource;
}

export interface FileSource {
  readonly kind: 'files';
  /** Name in load ids and logs. Default: the pipeline's name. */
  readonly name: string;
  readonly sftp: SftpSettings;
  /** First match wins. */
  readonly files: readonly FilePattern[];
  readonly pollMs: number;
  /** Size and mtime must not change for this long before a file is taken. */
  readonly stableForMs: number;
  /** Folder that published files are moved to; null leaves them where they are. */
  readonly archive: string | null;
  /** Download and hash first, for servers that rewrite files in place. */
  readonly spool: boolean;
  /** What to do when tasks were deleted by retention before they were read. */
  readonly onTruncation: 'halt' | 'gap';
}

export interface SftpSettings {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly auth:
    | { readonly kind: 'password'; readonly password: Secret }
    | { readonly kind: 'key'; readonly privateKey: Secret; readonly passphrase: Secret | null };
  /** `SHA256:<base64>`; several while a server changes its key. Empty only with `insecureAcceptAnyHostKey: true`. */
  readonly hostKeys: readonly string[];
  /** Connections to this server from one process. Default 4. */
  readonly connections: number;
  readonly connectTimeoutMs: number;
  /** A transfer that moves no byte for this long is given up and tried again. Default 30 s. */
  readonly idleTimeoutMs: number;
}

export interface FilePattern {
  /** Absolute glob of remote paths, picomatch syntax: `/exports/*.csv`. */
  readonly match: string;
  /** Literal folder in front of the first glob character: where listing starts. */
  readonly folder: string;
  readonly csv: CsvFormat;
}

export interface CsvFormat {
  readonly delimiter: string;
  /** Empty: no quoting. */
  readonly quote: string;
  /** True: the first line names the columns. False: `columns` does. */
  readonly header: boolean;
  readonly columns: readonly string[];
  readonly encoding: 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252' | 'iso-8859-1';
  /** Lines to drop before the header. */
  readonly skipLines: number;
  /** Decimal separator of number columns. */
  readonly decimal: '.' | ',';
  /** Thousands separator, removed from number columns; empty for none. */
  readonly thousands: string;
  /** Luxon format of timestamp columns, or `iso`, `epoch-seconds`, `epoch-millis`, `epoch-micros`. */
  readonly timestamp: string;
  /** Luxon format of date columns, or `iso`. */
  readonly date: string;
  /** IANA zone of timestamps that carry none. */
  readonly zone: string;
  /** Texts that mean null in every column. Default: the empty string. */
  readonly nulls: readonly string[];
  /** Longest row. A longer one is rejected. Default 1 MiB. */
  readonly maxRowBytes: number;
  /** Columns of the file that the record does not name. */
  readonly extraColumns: 'ignore' | 'reject';
}

export interface RecordField extends FieldDef {
  /** Column of the source. */
  readonly from: string;
}

export interface RecordDef {
  /** Names of fields, see ADR 0004. */
  readonly key: readonly string[];
  readonly fields: readonly RecordField[];
}

export interface TransformDef {
  /** In order; the first that decides wins. */
  readonly rules: readonly RuleDef[];
  /** Fields added to (or replacing those of) the record, in order; later ones see earlier ones. */
  readonly compute: readonly ComputedField[];
  readonly dedupe: DedupeDef | null;
  readonly outputs: readonly OutputDef[];
  readonly onTruncation: 'halt' | 'gap';
}

export interface RuleDef {
  /** `reject`: a dead letter under `code`. `filter`: dropped and counted. When `when` is true. */
  readonly action: 'reject' | 'filter';
  readonly when: CelSource;
  /** Reason code of a reject, `[A-Z0-9-]+`; name of a filter. */
  readonly code: string;
  readonly message: string;
}

/** A CEL expression with its place, for messages. */
export interface CelSource {
  readonly text: string;
  readonly at: Place;
}

export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

export interface ComputedField extends FieldDef {
  readonly cel: CelSource;
}

export interface DedupeDef {
  /** Field names; the record key is part of them. First wins. */
  readonly key: readonly string[];
  readonly windowMs: number;
}

export interface OutputDef {
  readonly name: string;
  /** Only records for which this is true; null for all. A record may go to several outputs or none (filtered). */
  readonly when: CelSource | null;
  /** Names of fields (of record and compute) that make the key. */
  readonly key: readonly string[];
  /** Fields of the output's records, in order. */
  readonly fields: readonly FieldDef[];
}

export interface SinkDef {
  readonly name: string;
  /** Which dialect and database. */
  readonly target: PostgresTarget | TimescaleTarget;
  /** Output that it takes. */
  readonly output: string;
  /** Table, with an optional schema: `public.TagData`. */
  readonly schema: string;
  readonly table: string;
  readonly write:
    | { readonly mode: 'merge'; readonly key: readonly string[]; readonly version: readonly string[] }
    | { readonly mode: 'append' };
  readonly columns: readonly SinkColumn[];
  readonly indexes: readonly (readonly string[])[];
  /** Create the table when it is missing; false only compares. */
  readonly createTable: boolean;
  readonly batchRecordsMax: number;
  /** Bad rows among the last 10,000 that are set aside; with more the sink pauses. */
  readonly badRows: { readonly max: number; readonly percent: number };
  readonly onTruncation: 'halt' | 'gap';
  /** Of name, output, table, write mode, key and version: what must not change while the sink keeps its offsets. */
  readonly layoutHash: string;
}

export interface PostgresTarget {
  readonly kind: 'postgres';
  /** Connection string, may hold the password. TLS by `sslmode`, verified unless the URL says otherwise. */
  readonly url: Secret;
}

export interface TimescaleTarget {
  readonly kind: 'timescale';
  /** As that of PostgreSQL. */
  readonly url: Secret;
  readonly series: TimeSeriesDef;
}

/** What makes a table a series in time. */
export interface TimeSeriesDef {
  /** Column of type timestamp, never null, part of the merge key. */
  readonly time: string;
  readonly chunkMs: number;
  readonly retention: RetentionDef | null;
  readonly aggregates: readonly AggregateDef[];
}

export interface RetentionDef {
  readonly rows: number | null;
  readonly ageMs: number | null;
  readonly everyMs: number;
}

export interface AggregateDef {
  /** Of the table or view, in the schema of the sink's table. */
  readonly name: string;
  readonly everyMs: number;
  /** Width of a bucket. */
  readonly overMs: number;
  /** Columns of the sink's table. */
  readonly by: readonly string[];
  readonly select: readonly AggregateColumn[];
  readonly retentionMs: number | null;
}

export interface AggregateColumn {
  readonly name: string;
  readonly fn: 'avg' | 'min' | 'max' | 'sum' | 'count' | 'first' | 'last';
  /** Column of the sink's table; null in `count(*)`. */
  readonly of: string | null;
}

export type SinkColumn =
  /** Filled from a field of the output. `key` and `version` of a merge name columns. */
  | {
      readonly kind: 'field';
      readonly name: string;
      readonly field: string;
      readonly type: FieldType;
      readonly optional: boolean;
      readonly sqlType: string | null;
    }
  /** Numbered by the database. */
  | { readonly kind: 'identity'; readonly name: string }
  /** Set by the database to the time of the insert. */
  | { readonly kind: 'insertTime'; readonly name: string };
