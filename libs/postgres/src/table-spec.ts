import type { FieldType } from '@millrace/core';

/** Filled from a field of the record. */
export interface FieldColumn {
  readonly kind: 'field';
  readonly name: string;
  readonly field: string;
  readonly type: FieldType;
  readonly optional: boolean;
  /** The column's type as its owner wants it; null for the usual one. */
  readonly sqlType: string | null;
}

export type ColumnSpec =
  | FieldColumn
  | { readonly kind: 'identity'; readonly name: string }
  | { readonly kind: 'insertTime'; readonly name: string };

export type WriteMode =
  | { readonly mode: 'merge'; readonly key: readonly string[]; readonly version: readonly string[] }
  | { readonly mode: 'append' };

/** A table as a pipeline describes it. A sink's definition can be passed as it is. */
export interface TableSpec {
  readonly schema: string;
  readonly table: string;
  /** `key` and `version` name columns. */
  readonly write: WriteMode;
  readonly columns: readonly ColumnSpec[];
  readonly indexes: readonly (readonly string[])[];
  /** The column that the table is cut into pieces by: every unique index has to hold it. None when left out. */
  readonly partitionedBy?: string;
}

/** The columns that say where a row came from and complete the order of its versions (ADR 0004). */
export const LINEAGE = {
  fileTime: 'millrace_file_time',
  load: 'millrace_load',
  row: 'millrace_row',
} as const;

export const LINEAGE_COLUMNS = [
  { name: LINEAGE.fileTime, sqlType: 'timestamptz' },
  { name: LINEAGE.load, sqlType: 'text' },
  { name: LINEAGE.row, sqlType: 'bigint' },
] as const;

export function fieldColumns(spec: TableSpec): readonly FieldColumn[] {
  return spec.columns.filter((column) => column.kind === 'field');
}

/** The columns whose values are unique: what an insert can conflict with. */
export function arbiterColumns(spec: TableSpec): readonly string[] {
  if (spec.write.mode === 'merge') return spec.write.key;
  // A row of a load has but one value in it, so that the three are as unique as the two.
  return [LINEAGE.load, LINEAGE.row, ...(spec.partitionedBy === undefined ? [] : [spec.partitionedBy])];
}

export function isNotNull(spec: TableSpec, column: FieldColumn): boolean {
  return !column.optional || (spec.write.mode === 'merge' && spec.write.key.includes(column.name));
}
