import { type TypeError as CelTypeError, Environment, type ParseError } from '@marcbachmann/cel-js';
import type { FieldDef, FieldType } from '@millrace/core';

const TIMESTAMP = 'google.protobuf.Timestamp';

/** Words that cannot be a variable: CEL's reserved ones, as cel-js lists them. */
const RESERVED: ReadonlySet<string> = new Set(
  'as break const continue else for function if import let loop package namespace return var void while prototype'.split(
    ' ',
  ),
);

/** What a field of each type is in an expression. */
export const CEL_TYPES: Readonly<Record<FieldType['kind'], string>> = {
  string: 'string',
  boolean: 'bool',
  int32: 'int',
  int64: 'int',
  float64: 'double',
  decimal: 'double',
  timestamp: TIMESTAMP,
  date: TIMESTAMP,
  bytes: 'bytes',
};

/** What an expression may give for a computed field of each type; `dyn` and `null` are decided at run time. */
export const COMPUTABLE_FROM: Readonly<Record<FieldType['kind'], readonly string[]>> = {
  string: ['string'],
  boolean: ['bool'],
  int32: ['int', 'uint', 'double'],
  int64: ['int', 'uint', 'double'],
  float64: ['int', 'uint', 'double'],
  decimal: ['int', 'uint', 'double', 'string'],
  timestamp: [TIMESTAMP],
  date: [TIMESTAMP],
  bytes: ['bytes'],
};

/**
 * The variables of a record. An optional field may be null, which only `dyn` allows. A field with a name that CEL
 * keeps for itself (`type`, `string`, `if`, …) cannot be named in expressions, but does not spoil the others'.
 */
export function celEnvironment(fields: readonly FieldDef[]): Environment {
  const environment = new Environment({ homogeneousAggregateLiterals: false });
  for (const { name, optional, type } of fields) {
    if (environment.hasVariable(name) || RESERVED.has(name)) continue;
    environment.registerVariable(name, optional ? 'dyn' : CEL_TYPES[type.kind]);
  }
  return environment;
}

/** The checker's type as lint and run compare it: `dyn<T>` is decided at run time like `dyn`. */
export function plainType(type: string | undefined): string {
  return type === undefined || type.startsWith('dyn') ? 'dyn' : type;
}

export type CelCheck =
  | { readonly valid: true; readonly type: string }
  | {
      readonly valid: false;
      readonly message: string;
      /** Offset in the expression. */
      readonly offset: number;
      /** The variable that does not exist, if that is what is wrong. */
      readonly unknownVariable: string | null;
      readonly syntax: boolean;
    };

/** Parses and type-checks; never throws for what the text says. */
export function checkCel(text: string, fields: readonly FieldDef[]): CelCheck {
  const result = celEnvironment(fields).check(text);
  if (result.valid) return { valid: true, type: plainType(result.type) };
  const error: ParseError | CelTypeError | undefined = result.error;
  const offset = Math.min(text.length, error?.range?.start ?? 0);
  const summary = error?.summary ?? 'it cannot be read';
  return {
    valid: false,
    message: summary,
    offset,
    unknownVariable:
      error?.code === 'unknown_variable' ? text.slice(offset, error.range?.end ?? text.length) : null,
    syntax: error?.name === 'ParseError',
  };
}
