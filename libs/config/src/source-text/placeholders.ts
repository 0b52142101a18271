import type { Lookup } from '../variables.ts';

/**
 * `${VAR}` and `${VAR:-default}` in a pipeline file; `$${VAR}` stands for the text `${VAR}`.
 *
 * Braces mean something to YAML inside `{ … }`, so `{ port: ${PORT} }` would not parse; and a value put in before
 * parsing could break the file or smuggle keys into it. So each mark of a placeholder is exchanged for a character
 * of Unicode's private use area before parsing (same length: every position stays true), and values are put in
 * after parsing, where they are only ever text.
 */
const PLACEHOLDER = /(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)((?::-[^}\n]*)?)\}/g;
const OPENED = /\uE001([A-Za-z_][A-Za-z0-9_]*)(?::-([^\uE003\n]*))?\uE003/g;

const DOLLAR = '\uE000';
const OPEN = '\uE001';
const MARK = '\uE002';
const CLOSE = '\uE003';
const ESCAPED_OPEN = '\uE004';
const ESCAPED_CLOSE = '\uE005';

/** The text as YAML shall read it, of the same length. */
export function hidePlaceholders(text: string): string {
  return text.replace(PLACEHOLDER, (_all, dollar: string, name: string, fallback: string) =>
    dollar === ''
      ? `${MARK}${OPEN}${name}${fallback}${CLOSE}`
      : `${MARK}${DOLLAR}${ESCAPED_OPEN}${name}${fallback}${ESCAPED_CLOSE}`,
  );
}

/** The text as it was written. */
export function showPlaceholders(text: string): string {
  return text
    .replaceAll(`${MARK}${OPEN}`, '${')
    .replaceAll(`${MARK}${DOLLAR}${ESCAPED_OPEN}`, () => '$${') // As a text, `$$` would mean one `$`.
    .replaceAll(CLOSE, '}')
    .replaceAll(ESCAPED_CLOSE, '}');
}

export function hasPlaceholder(text: string): boolean {
  return text.includes(OPEN);
}

export interface Substituted {
  readonly text: string;
  /** Variables that are not set and have no default, or cannot be read. */
  readonly missing: readonly { readonly name: string; readonly lookup: Lookup }[];
}

/** Puts values in. `text` comes out of a parsed scalar. */
export function substitute(text: string, lookUp: (name: string) => Lookup): Substituted {
  const missing: { name: string; lookup: Lookup }[] = [];
  const replaced = text.replaceAll(MARK, '').replace(OPENED, (_all, name: string, fallback?: string) => {
    const lookup = lookUp(name);
    if (lookup.found === 'value' && !(lookup.text === '' && fallback !== undefined)) return lookup.text;
    if (lookup.found !== 'unreadable' && fallback !== undefined) return fallback;
    missing.push({ name, lookup });
    return '';
  });
  return {
    text: replaced.replaceAll(`${DOLLAR}${ESCAPED_OPEN}`, '${').replaceAll(ESCAPED_CLOSE, '}'),
    missing,
  };
}
