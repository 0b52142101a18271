import type { Report } from '../report.ts';
import { schemasAt } from '../shape/json-schema.ts';
import { nearest } from '../suggest.ts';
import type { Lookup } from '../variables.ts';
import { hasPlaceholder, type Substituted, substitute } from './placeholders.ts';
import type { Path, Plain } from './yaml-file.ts';

export interface FilledIn {
  readonly value: Plain;
  /** Paths (as JSON) of texts that hold a placeholder. */
  readonly fromVariables: ReadonlySet<string>;
  /** Whether a variable had no value: then something else stands in for it. */
  readonly isIncomplete: boolean;
}

/** The tree with `${VAR}` replaced; what fills a whole number or a flag is read as one. */
export function fillIn(
  root: Plain,
  report: Report,
  lookUp: (name: string) => Lookup,
  known: Iterable<string>,
  unset: 'error' | 'warning' = 'error',
): FilledIn {
  let isIncomplete = false;
  const fromVariables = new Set<string>();
  const knownNames = [...known];
  const scalar = (text: string, path: Path): Plain => {
    if (text.includes('${')) {
      const message = `'${text}' holds '\${' without a name and '}'.`;
      report.error(
        path,
        'MR-CONFIG-VARIABLE',
        message,
        `Write \${NAME}, \${NAME:-default}, or $\${NAME} for the text itself.`,
      );
      report.ignore(path);
    }
    const result = substitute(text, lookUp);
    if (!hasPlaceholder(text)) return result.text;
    fromVariables.add(JSON.stringify(path));
    if (result.missing.length === 0) return typed(result.text, path);
    isIncomplete = true;
    reportMissing(result, path, report, knownNames, unset);
    report.ignore(path);
    return standIn(path);
  };
  const walk = (value: Plain, path: Path): Plain => {
    if (typeof value === 'string') return scalar(value, path);
    if (Array.isArray(value)) return value.map((item, index) => walk(item, [...path, index]));
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, [...path, key])]));
  };
  const value = walk(root, []);
  return { value, fromVariables, isIncomplete };
}

function reportMissing(
  result: Substituted,
  path: Path,
  report: Report,
  known: readonly string[],
  unset: 'error' | 'warning',
): void {
  for (const { name, lookup } of result.missing) {
    if (lookup.found === 'unreadable') {
      report.error(
        path,
        'MR-CONFIG-UNSET-VARIABLE',
        `${lookup.fileVariable} names a file that cannot be read: ${lookup.path}.`,
        'Mount the file, or correct the variable.',
      );
      continue;
    }
    const near = nearest(name, known);
    const hint = near === null ? '' : `Did you mean '${near}'? `;
    report.at(
      report.file.valuePlace(path),
      unset,
      'MR-CONFIG-UNSET-VARIABLE',
      `The variable ${name} is not set.`,
      `${hint}Set ${name} (or ${name}_FILE) in the environment, or write a default: \${${name}:-…}.`,
    );
  }
}

/** Something of the right kind, so that the rest of the file can be checked all the same. */
function standIn(path: Path): Plain {
  const schemas = schemasAt(path);
  const [first] = schemas;
  if (schemas.some((schema) => schema.type === 'string') || !first) return 'unset';
  return first.type === 'boolean' ? false : (first.minimum ?? 0);
}

function typed(text: string, path: Path): Plain {
  const types = schemasAt(path).map((schema) => schema.type);
  if (types.includes('string')) return text;
  if (types.includes('integer') && /^-?\d{1,15}$/.test(text)) return Number(text);
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}
