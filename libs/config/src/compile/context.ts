import type { FieldDef } from '@millrace/core';
import { checkCel } from '../cel.ts';
import type { CelSource } from '../model.ts';
import type { Report } from '../report.ts';
import type { Path } from '../source-text/yaml-file.ts';
import { suggestion } from '../suggest.ts';
import type { ReadText } from '../variables.ts';

/** What compiling a file's parts needs beside their values. */
export interface CompileContext {
  readonly report: Report;
  readonly readText: ReadText;
  /** Outputs whose list of fields is wrong: a sink that misses one of them is not to blame. */
  readonly brokenOutputs: Set<string>;
  /** Sinks whose shape is wrong: which output they take is not known. */
  readonly brokenSinks: Set<string>;
  /** Whether the text at this path comes, in whole or in part, from the environment. */
  fromVariable(path: Path): boolean;
}

/** Checks an expression over these fields. `accepts` are the CEL types that it may give, beside `dyn`. */
export function compileCel(
  ctx: CompileContext,
  path: Path,
  text: string,
  fields: readonly FieldDef[],
  accepts: readonly string[],
  what: string,
): CelSource {
  const at = ctx.report.file.placeInText(path, 0);
  const check = checkCel(text, fields);
  if (check.valid) {
    const fits = check.type === 'dyn' || accepts.includes(check.type);
    if (!fits) {
      const message = `${what} gives ${check.type}.`;
      ctx.report.at(
        at,
        'error',
        'MR-CONFIG-CEL-TYPE',
        message,
        `Write one that gives ${accepts.join(' or ')}.`,
      );
    }
    return { text, at };
  }
  const place = ctx.report.file.placeInText(path, check.offset);
  const names = fields.map((field) => field.name);
  if (check.unknownVariable !== null) {
    const message = `There is no field '${check.unknownVariable}' here.`;
    const remedy = suggestion(check.unknownVariable, names);
    ctx.report.at(place, 'error', 'MR-CONFIG-UNKNOWN-FIELD', message, remedy);
  } else {
    ctx.report.at(
      place,
      'error',
      'MR-CONFIG-CEL',
      `The expression is wrong here: ${check.message}.`,
      remedyFor(check),
    );
  }
  return { text, at };
}

function remedyFor(check: { readonly message: string; readonly syntax: boolean }): string {
  if (check.message.includes('null')) return "Only a field with 'optional: true' can be compared with null.";
  if (/double.*\bint\b|\bint\b.*double/.test(check.message)) {
    return 'Write numbers beside a float64 with a decimal point (1.0), or convert: double(x), int(x).';
  }
  return check.syntax
    ? 'Check operators, brackets and quotes; texts go in double or single quotes.'
    : 'Check the types of both sides; convert with string(x), int(x), double(x).';
}

/** Each name must be one of `fields`; reports those that are not. */
export function checkNames(
  ctx: CompileContext,
  path: Path,
  names: readonly string[],
  known: readonly string[],
  kind: 'field' | 'column',
): boolean {
  let allKnown = true;
  names.forEach((name, index) => {
    const at = [...path, index];
    if (!known.includes(name)) {
      allKnown = false;
      const code = kind === 'field' ? 'MR-CONFIG-UNKNOWN-FIELD' : 'MR-CONFIG-UNKNOWN-COLUMN';
      ctx.report.error(at, code, `There is no ${kind} '${name}' here.`, suggestion(name, known));
    } else if (names.indexOf(name) !== index) {
      allKnown = false;
      ctx.report.error(
        at,
        'MR-CONFIG-VALUE',
        `'${name}' stands in this list twice.`,
        'Remove one of the two.',
      );
    }
  });
  return allKnown;
}
