import { describe, expect, it } from 'vitest';
import type { CatalogColumn, CatalogTable } from './catalog.ts';
import { compareTable, differenceError } from './compare.ts';
import type { TableSpec } from './table-spec.ts';

const SPEC: TableSpec = {
  schema: 'public',
  table: 'TagData',
  write: { mode: 'merge', key: ['TagName', 'Timestamp'], version: [] },
  columns: [
    { kind: 'identity', name: 'ID' },
    {
      kind: 'field',
      name: 'TagName',
      field: 'tag',
      type: { kind: 'string' },
      optional: false,
      sqlType: null,
    },
    {
      kind: 'field',
      name: 'Timestamp',
      field: 'time',
      type: { kind: 'timestamp' },
      optional: false,
      sqlType: null,
    },
    {
      kind: 'field',
      name: 'Value',
      field: 'value',
      type: { kind: 'float64' },
      optional: true,
      sqlType: null,
    },
    { kind: 'insertTime', name: 'ImportDate' },
  ],
  indexes: [],
};

const column = (name: string, baseType: string, over: Partial<CatalogColumn> = {}): CatalogColumn => ({
  name,
  type: baseType,
  baseType,
  category: 'N',
  notNull: false,
  filled: false,
  ...over,
});

function tableOf(
  change: (columns: Map<string, CatalogColumn>) => void,
  keys = [['TagName', 'Timestamp']],
): CatalogTable {
  const columns = [
    column('ID', 'bigint', { filled: true, notNull: true }),
    column('TagName', 'character varying', { type: 'character varying(50)', category: 'S' }),
    column('Timestamp', 'timestamp without time zone', { category: 'D' }),
    column('Value', 'real'),
    column('ImportDate', 'timestamp with time zone', { filled: true, notNull: true, category: 'D' }),
    column('millrace_file_time', 'timestamp with time zone', { category: 'D' }),
    column('millrace_load', 'text', { category: 'S' }),
    column('millrace_row', 'bigint'),
    column('Remark', 'text', { category: 'S' }),
  ];
  const map = new Map(columns.map((one) => [one.name, one]));
  change(map);
  return { columns: map, uniqueKeys: keys, partitioned: false };
}

const statements = (table: CatalogTable) => compareTable(SPEC, table).map((one) => one.statement);

describe('an existing table', () => {
  it('that fits may have more columns and narrower types', () => {
    expect(statements(tableOf(() => undefined))).toEqual([]);
  });

  it('gets each difference with the statement that mends it', () => {
    const differing = tableOf(
      (columns) => {
        columns.delete('Value');
        columns.delete('millrace_row');
        columns.set('Timestamp', column('Timestamp', 'text', { category: 'S' }));
        columns.set('ImportDate', column('ImportDate', 'timestamp with time zone', { notNull: true }));
        columns.set('Shift', column('Shift', 'integer', { notNull: true }));
      },
      [['TagName']],
    );
    expect(statements(differing)).toEqual([
      'ALTER TABLE "public"."TagData" ALTER COLUMN "Timestamp" TYPE timestamp with time zone USING "Timestamp"::timestamp with time zone;',
      'ALTER TABLE "public"."TagData" ADD COLUMN "Value" double precision;',
      'ALTER TABLE "public"."TagData" ALTER COLUMN "ImportDate" SET DEFAULT now();',
      'ALTER TABLE "public"."TagData" ADD COLUMN "millrace_row" bigint;',
      'CREATE UNIQUE INDEX CONCURRENTLY ON "public"."TagData" ("TagName", "Timestamp");',
      'ALTER TABLE "public"."TagData" ALTER COLUMN "Shift" DROP NOT NULL;',
    ]);
    const error = differenceError(SPEC, compareTable(SPEC, differing));
    expect(error).toMatchObject({ kind: 'systemic', code: 'MR-PG-TABLE-DIFFERS' });
    expect(error.remedy?.split('\n')).toHaveLength(6);
  });
});
