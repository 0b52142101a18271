import { Environment } from '@marcbachmann/cel-js';
import { MillraceError } from '@millrace/core';

/** What a `--where` expression can name besides the fields of the value. */
export interface Subject {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestamp: Date;
  readonly key: string | null;
  readonly load: string | null;
  readonly row: bigint | null;
  readonly attempt: bigint | null;
  /** The decoded value, as `toCelValue` makes it. */
  readonly value: unknown;
}

export type Where = (subject: Subject) => boolean;

/**
 * Compiles a CEL condition. Fields of the value are names of their own (`tagName == "T1"`), as in a pipeline's
 * rules. Key, offset and the like are names as well where no field has that name, and always under `record`
 * (`record.key`, `record.value.tagName`).
 * A record on which it cannot be evaluated (a field that is not there) does not match.
 * @throws MillraceError `config`, MR-CLI-WHERE, with the column of the mistake
 */
export function compileWhere(text: string): Where {
  const environment = new Environment({ unlistedVariablesAreDyn: true });
  let program: ReturnType<Environment['parse']>;
  try {
    program = environment.parse(text);
  } catch (thrown) {
    throw mistake(text, thrown);
  }
  const checked = program.check();
  if (!checked.valid) throw mistake(text, checked.error);
  if (checked.type !== 'bool' && checked.type !== 'dyn') {
    throw mistake(text, { summary: `it gives ${checked.type}, not true or false`, range: { start: 0 } });
  }
  return (subject) => {
    try {
      return program(contextOf(subject)) === true;
    } catch {
      // Records of one topic differ (an error in one of them is no reason to stop looking at the others).
      return false;
    }
  };
}

function contextOf(subject: Subject): Record<string, unknown> {
  const { value } = subject;
  const fields = typeof value === 'object' && value !== null ? value : {};
  return { ...subject, ...fields, record: subject };
}

function mistake(text: string, thrown: unknown): MillraceError {
  const { summary, start } = partsOf(thrown);
  const at = Math.min(start, text.length);
  return new MillraceError({
    kind: 'config',
    code: 'MR-CLI-WHERE',
    message: `--where, column ${at + 1}: ${summary}\n  ${text}\n  ${' '.repeat(at)}^`,
    remedy: 'A condition in CEL, for instance: tagName == "T1" && value > 10.0',
    cause: thrown,
  });
}

function partsOf(thrown: unknown): { summary: string; start: number } {
  if (typeof thrown !== 'object' || thrown === null) return { summary: String(thrown), start: 0 };
  const summary = 'summary' in thrown && typeof thrown.summary === 'string' ? thrown.summary : String(thrown);
  const range = 'range' in thrown && typeof thrown.range === 'object' ? thrown.range : null;
  const start = range && 'start' in range && typeof range.start === 'number' ? range.start : 0;
  return { summary, start };
}
