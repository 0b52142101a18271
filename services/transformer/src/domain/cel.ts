import type { ASTNode, ParseResult } from '@marcbachmann/cel-js';
import { type CelSource, celEnvironment, plainType } from '@millrace/config';
import { fieldText } from '@millrace/contracts';
import { type FieldDef, type FieldType, type FieldValue, MillraceError } from '@millrace/core';

/** What an expression sees: field name → CEL value. One object is filled again for each record. */
export type CelContext = Record<string, unknown>;

export interface CompiledCel {
  /** Throws whatever the expression throws: a data error of this record. */
  evaluate(context: CelContext): unknown;
  /** The checker's type: `bool`, `int`, `double`, `dyn`, …; `dyn<T>` counts as `dyn`. */
  readonly type: string;
  /** The fields that it reads. */
  readonly reads: readonly string[];
  /** Set when the expression is the name of a field and nothing else. */
  readonly alias: string | null;
}

/** @throws MillraceError `config` when the expression does not parse or type-check, with its place */
export function compileCel(source: CelSource, fields: readonly FieldDef[]): CompiledCel {
  let parsed: ParseResult;
  try {
    parsed = celEnvironment(fields).parse(source.text);
    const check = parsed.check();
    if (!check.valid) throw check.error;
    const names = new Set(fields.map((field) => field.name));
    const type = plainType(check.type);
    return {
      evaluate: parsed,
      type,
      reads: [...identifiers(parsed.ast)].filter((name) => names.has(name)),
      alias: parsed.ast.op === 'id' ? parsed.ast.args : null,
    };
  } catch (error) {
    throw celProblem(source, summaryOf(error), error);
  }
}

export function celProblem(source: CelSource, what: string, cause?: unknown): MillraceError {
  const { file, line, column } = source.at;
  return new MillraceError({
    kind: 'config',
    code: 'MR-TRANSFORM-EXPRESSION',
    message: `${file}:${line}:${column}: ${what}`,
    remedy: 'Mend the expression; `millrace lint` checks it without starting anything.',
    cause,
  });
}

function summaryOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  if ('summary' in error && typeof error.summary === 'string') return error.summary;
  return error instanceof Error ? error.message : String(error);
}

/** A stable word for what went wrong in an evaluation; never the values, which are payload. */
export function evaluationErrorCode(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'evaluation_error';
}

function identifiers(node: ASTNode, into: Set<string> = new Set()): Set<string> {
  if (node.op === 'id') into.add(node.args);
  else visit(node.args, into);
  return into;
}

function visit(args: unknown, into: Set<string>): void {
  if (Array.isArray(args)) for (const arg of args) visit(arg, into);
  else if (typeof args === 'object' && args !== null && 'op' in args) identifiers(args as ASTNode, into);
}

/** Turns a field's value into its CEL value; `null` when it is the same. Null stays null. */
export function toCelConverter(type: FieldType): ((value: FieldValue) => unknown) | null {
  switch (type.kind) {
    case 'int32':
      return (value) => (value === null ? null : BigInt(value as number));
    case 'timestamp':
      return (value) => (value === null ? null : new Date(Math.floor((value as number) / 1000)));
    case 'date':
      return (value) => (value === null ? null : new Date((value as number) * 86_400_000));
    case 'decimal':
      return (value) => (value === null ? null : decimalToDouble(type, value as bigint));
    default:
      return null;
  }
}

const EXACT = 2n ** 53n;

/** The nearest double: one correctly rounded division where both sides are exact, else through the text. */
function decimalToDouble(type: FieldType & { kind: 'decimal' }, unscaled: bigint): number {
  if (type.scale <= 22 && unscaled <= EXACT && unscaled >= -EXACT) return Number(unscaled) / 10 ** type.scale;
  return Number(fieldText(type, unscaled));
}
