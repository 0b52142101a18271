import { readFileSync } from 'node:fs';

/** Variables as `process.env` holds them. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Reads a small text file; throws when it cannot. */
export type ReadText = (path: string) => string;

export const readTextFile: ReadText = (path) => readFileSync(path, 'utf8');

export type Lookup =
  | { readonly found: 'value'; readonly text: string }
  | { readonly found: 'nothing' }
  | { readonly found: 'unreadable'; readonly fileVariable: string; readonly path: string };

/** `NAME`, or else the content of the file that `NAME_FILE` names, without its last line break. */
export function lookUp(variables: Variables, name: string, readText: ReadText): Lookup {
  const direct = variables[name];
  if (direct !== undefined && direct !== '') return { found: 'value', text: direct };
  const fileVariable = `${name}_FILE`;
  const path = variables[fileVariable];
  if (path === undefined || path === '') {
    return direct === undefined ? { found: 'nothing' } : { found: 'value', text: direct };
  }
  try {
    return { found: 'value', text: readText(path).replace(/\r?\n$/, '') };
  } catch {
    return { found: 'unreadable', fileVariable, path };
  }
}
