import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { BOOKKEEPING_TABLES, bookkeepingDdl } from './bookkeeping.ts';
import type { CatalogTable } from './catalog.ts';
import { createTableStatements } from './ddl.ts';
import { applyRequest, type Delta, probeRequest, skipRequest } from './requests.ts';
import { stageDdl } from './staging.ts';
import { LINEAGE_COLUMNS, type TableSpec } from './table-spec.ts';

/** The SQL that reaches the database, so that a review sees what a change does. `MILLRACE_GOLDEN=write` renews it. */
const GOLDEN = join(import.meta.dirname, '..', 'test', 'golden');

const MERGE: TableSpec = {
  schema: 'public',
  table: 'Tag"Data',
  write: { mode: 'merge', key: ['TagName', 'Timestamp'], version: ['rev'] },
  columns: [
    { kind: 'identity', name: 'ID' },
    {
      kind: 'field',
      name: 'TagName',
      field: 'tag',
      type: { kind: 'string' },
      optional: false,
      sqlType: 'varchar(50)',
    },
    {
      kind: 'field',
      name: 'Timestamp',
      field: 'time',
      type: { kind: 'timestamp' },
      optional: false,
      sqlType: null,
    },
    { kind: 'field', name: 'rev', field: 'rev', type: { kind: 'int32' }, optional: true, sqlType: null },
    {
      kind: 'field',
      name: 'Value',
      field: 'value',
      type: { kind: 'decimal', precision: 12, scale: 3 },
      optional: true,
      sqlType: null,
    },
    { kind: 'insertTime', name: 'ImportDate' },
  ],
  indexes: [['ImportDate']],
};
const APPEND: TableSpec = { ...MERGE, table: 'log', write: { mode: 'append' }, indexes: [] };

/** As our own CREATE TABLE makes it. */
const TABLE: CatalogTable = {
  columns: new Map(
    [
      ['TagName', 'character varying(50)', true],
      ['Timestamp', 'timestamp with time zone', true],
      ['rev', 'integer', false],
      ['Value', 'numeric(12,3)', false],
      ...LINEAGE_COLUMNS.map(({ name, sqlType }) => [name, sqlType, true] as const),
    ].map(([name, type, notNull]) => [
      String(name),
      {
        name: String(name),
        type: String(type),
        baseType: String(type).replace(/\(.*/, ''),
        category: '',
        notNull: notNull === true,
        filled: false,
      },
    ]),
  ),
  uniqueKeys: [],
  partitioned: false,
};

const PLACE = { schema: 'public', sink: "plant/historian/o'brien", topic: 'historian.clean', partition: 3 };
const MOVE = { token: '7', from: 100, to: 103, ledgerThrough: 90 };
const none = { n: 0, a: 0, b: 0 };
const DELTAS: readonly Delta[] = [
  { loadId: '0123456789abcdef', applied: { n: 3, a: 11, b: 4294967295 }, rejected: none, resolved: none },
];

const STATEMENTS: Readonly<Record<string, string>> = {
  'bookkeeping.sql': BOOKKEEPING_TABLES.map((table) => bookkeepingDdl(table, 'public')).join(';\n\n'),
  'table-merge.sql': createTableStatements(MERGE).join(';\n\n'),
  'table-append.sql': createTableStatements(APPEND).join(';\n\n'),
  'stage.sql': stageDdl(MERGE),
  'apply-merge.sql': applyRequest(MERGE, TABLE, PLACE, MOVE, 'normal', DELTAS),
  'apply-merge-uncounted.sql': applyRequest(MERGE, TABLE, PLACE, MOVE, 'uncounted', []),
  'apply-merge-resolved.sql': applyRequest(MERGE, TABLE, PLACE, MOVE, 'resolved', DELTAS),
  'apply-merge-partitioned.sql': applyRequest(
    MERGE,
    { ...TABLE, partitioned: true },
    PLACE,
    MOVE,
    'normal',
    DELTAS,
  ),
  'apply-append.sql': applyRequest(APPEND, TABLE, PLACE, MOVE, 'normal', DELTAS),
  'skip.sql': skipRequest(PLACE, MOVE),
  'probe-merge.sql': probeRequest(MERGE, TABLE, 50),
};

it.each(Object.entries(STATEMENTS))('%s is as committed', (name, sql) => {
  const file = join(GOLDEN, name);
  const text = `${sql};\n`;
  if (process.env.MILLRACE_GOLDEN === 'write') writeFileSync(file, text);
  expect(existsSync(file) ? readFileSync(file, 'utf8') : 'missing: run with MILLRACE_GOLDEN=write').toBe(
    text,
  );
});
