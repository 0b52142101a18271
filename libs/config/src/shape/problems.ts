import type { z } from 'zod';
import type { Report } from '../report.ts';
import type { Path, Plain } from '../source-text/yaml-file.ts';
import { nearest, suggestion } from '../suggest.ts';
import { type JsonSchema, keysAt, schemasAt } from './json-schema.ts';

type Issue = z.core.$ZodIssue;

/** Turns zod's issues into problems with a place and a remedy. */
export function reportShapeIssues(issues: readonly Issue[], value: Plain, report: Report): void {
  const flat = issues.flatMap((issue) => flatten(issue, value, []));
  const misspelt = new Set<string>();
  for (const { issue, path } of flat) {
    if (issue.code !== 'unrecognized_keys') continue;
    for (const key of issue.keys) misspelt.add(JSON.stringify([...path, nearest(key, keysAt(path))]));
  }
  for (const { issue, path } of flat) {
    // `fild` is reported with "did you mean 'field'?"; that `field` is missing says nothing new.
    if (!misspelt.has(JSON.stringify(path))) reportOne(issue, path, value, report);
  }
}

interface Placed {
  readonly issue: Issue;
  readonly path: Path;
}

/** Of a union, the branch that the writer was in: an object's for an object, of several that with the fewest strange keys. */
function flatten(issue: Issue, root: Plain, prefix: Path): readonly Placed[] {
  const path: Path = [...prefix, ...(issue.path as (string | number)[])];
  if (issue.code !== 'invalid_union') return [{ issue, path }];
  const isWrongKind = (branch: readonly Issue[]): boolean =>
    branch.some((inner) => inner.code === 'invalid_type' && inner.path.length === 0);
  const strange = (branch: readonly Issue[]): number =>
    branch.reduce((sum, one) => sum + (one.code === 'unrecognized_keys' ? one.keys.length : 0), 0);
  const [branch] = issue.errors
    .filter((inner) => !isWrongKind(inner))
    .sort((x, y) => strange(x) - strange(y));
  if (!branch) return [{ issue, path }];
  return branch.flatMap((inner) => flatten(inner, root, path));
}

function reportOne(issue: Issue, path: Path, root: Plain, report: Report): void {
  switch (issue.code) {
    case 'unrecognized_keys':
      for (const key of issue.keys) {
        const where = path.length === 0 ? 'a pipeline file' : `'${path.join('.')}'`;
        const remedy = suggestion(key, keysAt(path));
        report.keyError([...path, key], 'MR-CONFIG-UNKNOWN-KEY', `There is no '${key}' in ${where}.`, remedy);
      }
      return;
    case 'invalid_key': {
      const [message, remedy] = split(issue.issues[0]?.message ?? '');
      report.keyError(path, 'MR-CONFIG-NAME', `'${path.at(-1)}': ${lowerFirst(message)}`, remedy);
      return;
    }
    case 'invalid_type':
    case 'invalid_union':
      reportType(path, root, report);
      return;
    case 'invalid_value': {
      const choices = issue.values.map(String);
      const found = valueAt(root, path);
      if (typeof found !== typeof issue.values[0]) {
        reportType(path, root, report);
        return;
      }
      const remedy = suggestion(String(found), choices);
      report.error(path, 'MR-CONFIG-VALUE', `'${String(found)}' is none of: ${choices.join(', ')}.`, remedy);
      return;
    }
    default: {
      const [message, remedy] = split(issue.message);
      report.error(path, codeOf(path), `'${name(path)}': ${lowerFirst(message)}`, remedy);
    }
  }
}

function reportType(path: Path, root: Plain, report: Report): void {
  const found = valueAt(root, path);
  const schemas = schemasAt(path);
  const wanted = [...new Set(schemas.map(kindOf))].join(' or ');
  const about = schemas[0]?.description ?? '';
  if (found === undefined || found === null) {
    const parent = path.slice(0, -1);
    const where = parent.length === 0 ? '' : ` in '${parent.join('.')}'`;
    const message = found === null ? `'${name(path)}' has no value.` : `'${name(path)}' is missing${where}.`;
    report.keyError(path, 'MR-CONFIG-MISSING', message, `Write ${wanted}. ${about}`.trim());
    return;
  }
  const isScalar = typeof found === 'number' || typeof found === 'boolean';
  const remedy =
    isScalar && schemas.some((schema) => schema.type === 'string')
      ? `Put it in quotes: "${String(found)}".`
      : `Write ${wanted}. ${about}`.trim();
  report.error(
    path,
    'MR-CONFIG-TYPE',
    `'${name(path)}' must be ${wanted}, but is ${describe(found)}.`,
    remedy,
  );
}

function codeOf(path: Path): string {
  const format = schemasAt(path)[0]?.format;
  if (format === 'duration-text') return 'MR-CONFIG-DURATION';
  if (format === 'size-text') return 'MR-CONFIG-SIZE';
  return 'MR-CONFIG-VALUE';
}

function kindOf(schema: JsonSchema): string {
  if (schema.const === true) return "'true'";
  if (schema.format === 'duration-text') return 'a duration like 10s';
  if (schema.format === 'size-text') return 'a size like 1MiB';
  if (schema.type === 'integer') return 'a whole number';
  if (schema.type === 'boolean') return 'true or false';
  if (schema.type === 'array') return 'a list';
  if (schema.type === 'object') return 'keys and values';
  return 'a text';
}

function describe(value: Plain): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'keys and values';
  if (typeof value === 'string') return 'a text';
  return typeof value === 'number' ? 'a number' : 'true or false';
}

function name(path: Path): string {
  const last = path.at(-1);
  if (typeof last !== 'number') return String(last ?? 'the file');
  return `${String(path.at(-2) ?? '')}[${last}]`;
}

function split(message: string): readonly [string, string] {
  const [what = '', remedy = ''] = message.split('|');
  return [what, remedy];
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

export function valueAt(root: Plain, path: Path): Plain | undefined {
  let current: Plain | undefined = root;
  for (const step of path) {
    if (current === null || typeof current !== 'object') return undefined;
    current = (current as Record<string | number, Plain | undefined>)[step];
  }
  return current;
}
