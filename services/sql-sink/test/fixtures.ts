import { type Pipeline, Secret, type SinkDef } from '@millrace/config';
import type { FieldDef } from '@millrace/core';

const FIELDS: readonly FieldDef[] = [
  { name: 'tag', type: { kind: 'string' }, optional: false },
  { name: 'time', type: { kind: 'timestamp' }, optional: false },
  { name: 'value', type: { kind: 'float64' }, optional: false },
  { name: 'note', type: { kind: 'string' }, optional: true },
];

/** The historian's table: one row per tag and time, the newest file wins. */
export function historianSink(url: string, schema: string, over: Partial<SinkDef> = {}): SinkDef {
  return {
    name: 'warehouse',
    target: { kind: 'postgres', url: new Secret(url) },
    output: 'clean',
    schema,
    table: 'TagData',
    write: { mode: 'merge', key: ['TagName', 'Timestamp'], version: [] },
    columns: [
      { kind: 'identity', name: 'ID' },
      { ...column('TagName', 0) },
      { ...column('Timestamp', 1) },
      { ...column('Value', 2) },
      { ...column('Note', 3), sqlType: 'varchar(20)' },
      { kind: 'insertTime', name: 'ImportDate' },
    ],
    indexes: [],
    createTable: true,
    batchRecordsMax: 10_000,
    badRows: { max: 50, percent: 5 },
    onTruncation: 'halt',
    layoutHash: 'layout-1',
    ...over,
  };
}

function column(name: string, field: number) {
  const { name: from = '', type = { kind: 'string' }, optional = false } = FIELDS[field] ?? {};
  return { kind: 'field', name, field: from, type, optional, sqlType: null } as const;
}

/** A pipeline whose output `clean` has the historian's fields; source and rules are not the sink's concern. */
export function pipelineOf(name: string, partitions: number, sinks: readonly SinkDef[]): Pipeline {
  return {
    name,
    file: `${name}.yaml`,
    description: '',
    generation: 1,
    partitions,
    retentionMs: 86_400_000,
    hash: '0'.repeat(16),
    layoutHash: 'layout-1',
    source: {
      kind: 'files',
      name,
      sftp: {
        host: 'localhost',
        port: 22,
        user: 'u',
        auth: { kind: 'password', password: new Secret('p') },
        hostKeys: [],
        connections: 1,
        connectTimeoutMs: 1_000,
        idleTimeoutMs: 1_000,
      },
      files: [],
      pollMs: 1_000,
      stableForMs: 0,
      archive: null,
      spool: false,
      onTruncation: 'halt',
    },
    record: { key: ['tag'], fields: FIELDS.map((field) => ({ ...field, from: field.name })) },
    transform: {
      rules: [],
      compute: [],
      dedupe: null,
      outputs: [{ name: 'clean', when: null, key: ['tag'], fields: FIELDS }],
      onTruncation: 'halt',
    },
    sinks,
  };
}
