import { VARIABLES, type VariableDef, type VariableName } from './environment-table.ts';
import { nearest } from './suggest.ts';
import { parseSize } from './units.ts';
import { lookUp, type ReadText, type Variables } from './variables.ts';

const ROWS: ReadonlyMap<VariableName, VariableDef> = new Map(VARIABLES.map((row) => [row.name, row]));
const FLAGS: Readonly<Record<string, boolean>> = { true: true, false: false };

/** Reads variables by their row in the table and collects what is wrong with them, never their values. */
export class EnvironmentReader {
  readonly mistakes: string[] = [];
  readonly #variables: Variables;
  readonly #readText: ReadText;

  constructor(variables: Variables, readText: ReadText) {
    this.#variables = variables;
    this.#readText = readText;
  }

  /** The text, its default, or undefined; for `pem-file` the content of the file. */
  text(name: VariableName): string | undefined {
    const row = ROWS.get(name);
    if (row === undefined) return undefined;
    const text = this.#raw(row) ?? row.default;
    if (text === undefined) {
      if (row.required) this.#missing(row);
      return undefined;
    }
    const wrong = row.kind === 'pem-file' || row.kind === 'list' ? null : mistakeOf(row, text);
    if (wrong !== null) this.mistakes.push(`${name} ${wrong}`);
    return row.kind === 'pem-file' ? this.#file(name, text) : text;
  }

  list(name: VariableName): readonly string[] {
    const row = ROWS.get(name);
    const items = (this.text(name) ?? '')
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
    for (const item of items) {
      if (row?.pattern && !row.pattern.test(item)) {
        this.mistakes.push(`${name}: '${item}' does not look like ${row.example ?? 'an entry'}.`);
      }
    }
    return items;
  }

  number(name: VariableName): number {
    const text = this.text(name) ?? '';
    return ROWS.get(name)?.kind === 'size' ? (parseSize(text) ?? 0) : Number(text);
  }

  flag(name: VariableName): boolean | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : FLAGS[text];
  }

  #raw(row: VariableDef): string | undefined {
    if (!row.secret) return this.#variables[row.name] || undefined;
    const result = lookUp(this.#variables, row.name, this.#readText);
    if (result.found === 'value') return result.text || undefined;
    if (result.found === 'unreadable') {
      this.mistakes.push(`${result.fileVariable}: cannot read ${result.path}.`);
    }
    return undefined;
  }

  #missing(row: VariableDef): void {
    const typo = nearest(
      row.name,
      Object.keys(this.#variables).filter((name) => !ROWS.has(name as VariableName)),
    );
    const hint = typo === null ? '' : ` (${typo} is set: did you mean that?)`;
    this.mistakes.push(`${row.name} is not set${hint}. ${row.about} For instance: ${row.example ?? ''}`);
  }

  #file(name: string, path: string): string | undefined {
    try {
      return this.#readText(path);
    } catch {
      this.mistakes.push(`${name}: cannot read ${path}.`);
      return undefined;
    }
  }
}

function mistakeOf(row: VariableDef, text: string): string | null {
  switch (row.kind) {
    case 'port':
      return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? null : 'is not a port (0 to 65535).';
    case 'flag':
      return text in FLAGS ? null : "is neither 'true' nor 'false'.";
    case 'choice':
      return row.choices?.includes(text) ? null : `is none of: ${row.choices?.join(', ')}.`;
    case 'size':
      return parseSize(text) ? null : 'is not a size like 128MiB.';
    case 'url':
      return urlMistake(text);
    default:
      return row.pattern && !row.pattern.test(text) ? `does not match ${row.pattern.source}.` : null;
  }
}

function urlMistake(text: string): string | null {
  if (!URL.canParse(text)) return 'is not a URL.';
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'must start with http:// or https://.';
  if (url.username !== '' || url.password !== '') {
    return 'holds a user or password: use SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD.';
  }
  return null;
}
