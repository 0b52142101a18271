import { MillraceError } from '@millrace/core';
import type { CatalogColumn, CatalogTable } from './catalog.ts';
import { columnType, uniqueIndexDdl } from './ddl.ts';
import { quoteIdent, quoteTable } from './quote.ts';
import { acceptable } from './sql-types.ts';
import { arbiterColumns, type ColumnSpec, LINEAGE_COLUMNS, type TableSpec } from './table-spec.ts';

/** One way in which a table does not fit, and what mends it. */
export interface Difference {
  readonly what: string;
  readonly statement: string;
}

/** Everything in which an existing table does not fit the pipeline. More columns and narrower types are no difference. */
export function compareTable(spec: TableSpec, table: CatalogTable): readonly Difference[] {
  const alter = `ALTER TABLE ${quoteTable(spec)}`;
  const differences: Difference[] = [];
  for (const column of spec.columns) differences.push(...compareColumn(alter, column, table));
  for (const { name, sqlType } of LINEAGE_COLUMNS) {
    if (!table.columns.has(name)) {
      const statement = `${alter} ADD COLUMN ${quoteIdent(name)} ${sqlType};`;
      differences.push({ what: `column ${name} is missing`, statement });
    }
  }
  const key = [...arbiterColumns(spec)].sort();
  if (
    !table.uniqueKeys.some((unique) => unique.length === key.length && unique.every((n, i) => n === key[i]))
  ) {
    const what = `no unique index on (${arbiterColumns(spec).join(', ')})`;
    differences.push({ what, statement: `${uniqueIndexDdl(spec, true)};` });
  }
  const ours = new Set<string>([...spec.columns, ...LINEAGE_COLUMNS].map((column) => column.name));
  for (const column of table.columns.values()) {
    if (ours.has(column.name) || !column.notNull || column.filled) continue;
    const statement = `${alter} ALTER COLUMN ${quoteIdent(column.name)} DROP NOT NULL;`;
    differences.push({ what: `column ${column.name} must not be null and nothing fills it`, statement });
  }
  return differences;
}

function compareColumn(alter: string, column: ColumnSpec, table: CatalogTable): Difference[] {
  const existing = table.columns.get(column.name);
  const name = quoteIdent(column.name);
  if (column.kind === 'field') {
    const wanted = columnType(column);
    if (!existing) {
      // Without NOT NULL: the rows that are there have no value for it.
      const statement = `${alter} ADD COLUMN ${name} ${wanted};`;
      return [{ what: `column ${column.name} is missing`, statement }];
    }
    if (fits(column, existing)) return [];
    return [
      {
        what: `column ${column.name} is ${existing.type}, which cannot hold ${column.type.kind}`,
        statement: `${alter} ALTER COLUMN ${name} TYPE ${wanted} USING ${name}::${wanted};`,
      },
    ];
  }
  const wanted =
    column.kind === 'identity' ? 'bigint GENERATED ALWAYS AS IDENTITY' : 'timestamptz NOT NULL DEFAULT now()';
  if (!existing) {
    return [
      { what: `column ${column.name} is missing`, statement: `${alter} ADD COLUMN ${name} ${wanted};` },
    ];
  }
  if (existing.filled || (column.kind === 'insertTime' && !existing.notNull)) return [];
  const action = column.kind === 'identity' ? 'ADD GENERATED ALWAYS AS IDENTITY' : `SET DEFAULT now()`;
  return [
    {
      what: `column ${column.name} is not filled by the database`,
      statement: `${alter} ALTER COLUMN ${name} ${action};`,
    },
  ];
}

function fits(column: Extract<ColumnSpec, { kind: 'field' }>, existing: CatalogColumn): boolean {
  // A type that the pipeline names is its author's decision: what cannot be cast shows as rejects.
  if (column.sqlType !== null) return true;
  const { types, categories } = acceptable(column.type);
  return types.includes(existing.baseType) || categories.includes(existing.category);
}

/** The differences as one error that lists every statement. */
export function differenceError(spec: TableSpec, differences: readonly Difference[]): MillraceError {
  return new MillraceError({
    kind: 'systemic',
    code: 'MR-PG-TABLE-DIFFERS',
    message: `table ${spec.schema}.${spec.table} does not fit the pipeline: ${differences.map((one) => one.what).join('; ')}`,
    remedy: differences.map((one) => one.statement).join('\n'),
  });
}
