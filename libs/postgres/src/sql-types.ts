import type { FieldType } from '@millrace/core';

/** The type of a staging column: wide enough for every value of the field's type. */
export function stagingType(type: FieldType): string {
  switch (type.kind) {
    case 'string':
      return 'text';
    case 'boolean':
      return 'boolean';
    case 'int32':
      return 'integer';
    case 'int64':
      return 'bigint';
    case 'float64':
      return 'double precision';
    case 'decimal':
      return 'numeric';
    case 'timestamp':
      return 'timestamp with time zone';
    case 'date':
      return 'date';
    case 'bytes':
      return 'bytea';
  }
}

/** The type of a column that we create, unless the pipeline names one. */
export function usualType(type: FieldType): string {
  return type.kind === 'decimal' ? `numeric(${type.precision},${type.scale})` : stagingType(type);
}

/**
 * The types of an existing column that hold a field without changing its value, as `format_type` names them
 * without their modifiers; `categories` are those of `pg_type.typcategory` that take any text.
 * A narrower length or range is not a difference: what does not fit is a reject.
 */
export function acceptable(type: FieldType): {
  readonly types: readonly string[];
  readonly categories: string;
} {
  const none = '';
  switch (type.kind) {
    case 'string':
      // S text, E enum, I network address, U uuid, json and other types with a text form.
      return { types: ['text', 'character varying', 'character'], categories: 'SEIU' };
    case 'boolean':
      return { types: ['boolean'], categories: none };
    case 'int32':
      return {
        types: ['smallint', 'integer', 'bigint', 'numeric', 'double precision'],
        categories: none,
      };
    case 'int64':
      return { types: ['smallint', 'integer', 'bigint', 'numeric'], categories: none };
    case 'float64':
      return { types: ['real', 'double precision'], categories: none };
    case 'decimal':
      return { types: ['numeric'], categories: none };
    case 'timestamp':
      return { types: ['timestamp with time zone', 'timestamp without time zone'], categories: none };
    case 'date':
      return { types: ['date'], categories: none };
    case 'bytes':
      return { types: ['bytea'], categories: none };
  }
}
