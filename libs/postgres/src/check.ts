import type { FieldValue, Reason, RecordValue } from '@millrace/core';
import { type FieldColumn, fieldColumns, isNotNull, type TableSpec } from './table-spec.ts';

/** PostgreSQL's range of `date`, in days since 1970 (manual, table 8.9): Julian day 0 to 5874897-12-31. */
const DATE_MIN = -2_440_588;
const DATE_MAX = 2_145_042_905;
/** Its range of `timestamptz`, in µs since 1970: Julian day 0 to the end of 294276. */
const MICROS_MIN = DATE_MIN * 86_400_000_000;
const MICROS_END = 9_224_318_016_000_000_000;

/** Compiles what PostgreSQL can never hold into one function: the reason, or null when the row may be staged. */
export function rowCheck(spec: TableSpec): (value: RecordValue) => Reason | null {
  const checks = fieldColumns(spec).map((column) => columnCheck(column, isNotNull(spec, column)));
  return (value) => {
    for (const check of checks) {
      const reason = check(value);
      if (reason !== null) return reason;
    }
    return null;
  };
}

function columnCheck(column: FieldColumn, notNull: boolean): (value: RecordValue) => Reason | null {
  const { field, name, type } = column;
  const holdable = holdableFor(type.kind);
  const isNull: Reason = {
    code: 'MR-SINK-NULL',
    message: `column ${name} of the target must not be null`,
    field,
  };
  const unholdable: Reason = { code: 'MR-SINK-VALUE', message: UNHOLDABLE[type.kind] ?? '', field };
  return (record) => {
    const value = record[field];
    if (value === null || value === undefined) return notNull ? isNull : null;
    return holdable(value) ? null : unholdable;
  };
}

const UNHOLDABLE: Readonly<Record<string, string>> = {
  string: 'PostgreSQL cannot hold a NUL character in text',
  timestamp: 'PostgreSQL holds times in whole microseconds, from 4714 BC to 294276 AD only',
  date: 'PostgreSQL holds dates from 4714 BC to 5874897 AD only',
};

function holdableFor(kind: FieldColumn['type']['kind']): (value: FieldValue) => boolean {
  switch (kind) {
    case 'string':
      return (value) => typeof value === 'string' && !value.includes('\0');
    case 'timestamp':
      return (value) =>
        typeof value === 'number' && Number.isInteger(value) && value >= MICROS_MIN && value < MICROS_END;
    case 'date':
      return (value) =>
        typeof value === 'number' && Number.isInteger(value) && value >= DATE_MIN && value <= DATE_MAX;
    default:
      return () => true;
  }
}
