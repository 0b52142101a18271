import { quoteIdent, quoteList, quoteTable } from './quote.ts';
import { usualType } from './sql-types.ts';
import {
  arbiterColumns,
  type ColumnSpec,
  type FieldColumn,
  isNotNull,
  LINEAGE_COLUMNS,
  type TableSpec,
} from './table-spec.ts';

/** What makes the table of a sink, in order. The database names the indexes. */
export function createTableStatements(spec: TableSpec): readonly string[] {
  const lines = [
    ...spec.columns.map((column) => `  ${columnDdl(spec, column)}`),
    ...LINEAGE_COLUMNS.map(
      ({ name, sqlType }) => `  ${quoteIdent(name)} ${sqlType}${collation(name)} NOT NULL`,
    ),
  ];
  return [
    `CREATE TABLE ${quoteTable(spec)} (\n${lines.join(',\n')}\n)`,
    uniqueIndexDdl(spec),
    ...furtherIndexes(spec).map((columns) => `CREATE INDEX ON ${quoteTable(spec)} (${quoteList(columns)})`),
  ];
}

/** Without those that are there already: a second index on the same columns costs every insert and serves nothing. */
function furtherIndexes(spec: TableSpec): readonly (readonly string[])[] {
  const made = new Set([JSON.stringify(arbiterColumns(spec))]);
  return spec.indexes.filter((columns) => {
    const name = JSON.stringify(columns);
    return !made.has(name) && made.add(name);
  });
}

export function uniqueIndexDdl(spec: TableSpec, concurrently = false): string {
  const how = concurrently ? 'CREATE UNIQUE INDEX CONCURRENTLY' : 'CREATE UNIQUE INDEX';
  return `${how} ON ${quoteTable(spec)} (${quoteList(arbiterColumns(spec))})`;
}

export function columnType(column: FieldColumn): string {
  return column.sqlType ?? usualType(column.type);
}

/** The definition of one column, as in CREATE TABLE. */
export function columnDdl(spec: TableSpec, column: ColumnSpec): string {
  const name = quoteIdent(column.name);
  switch (column.kind) {
    case 'identity':
      return `${name} bigint GENERATED ALWAYS AS IDENTITY`;
    case 'insertTime':
      return `${name} timestamptz NOT NULL DEFAULT now()`;
    case 'field':
      return `${name} ${columnType(column)}${isNotNull(spec, column) ? ' NOT NULL' : ''}`;
  }
}

/** Load ids are compared as the last tie-break of versions: by their bytes, in any database. */
function collation(name: string): string {
  return name === 'millrace_load' ? ' COLLATE "C"' : '';
}
