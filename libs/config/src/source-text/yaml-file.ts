import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  Scalar,
} from 'yaml';
import type { Place } from '../model.ts';
import type { Problem } from '../problem.ts';
import { hidePlaceholders, showPlaceholders } from './placeholders.ts';

export type Path = readonly (string | number)[];
/** What YAML text can say, once its positions are set aside. */
export type Plain = string | number | boolean | null | Plain[] | { [key: string]: Plain };

/** A parsed file that knows where each of its values stands. */
export interface YamlFile {
  readonly value: Plain;
  /** Where the key at this path stands, or its nearest parent that exists. */
  keyPlace(path: Path): Place;
  /** Where the value at this path stands. */
  valuePlace(path: Path): Place;
  /** Where the `offset`-th character of the text at this path stands. */
  placeInText(path: Path, offset: number): Place;
}

interface Spot {
  readonly key: number | null;
  readonly value: number;
  readonly scalar: Scalar | null;
}

const FILE_BYTES_MAX = 1024 * 1024;

/** Parses the text; `null` when YAML itself cannot make sense of it. Placeholders come out hidden. */
export function parseYamlFile(
  text: string,
  file: string,
  report: (problem: Problem) => void,
): YamlFile | null {
  const problem = (at: Place, code: string, message: string, remedy: string): void =>
    report({ ...at, severity: 'error', code, message, remedy });
  if (Buffer.byteLength(text) > FILE_BYTES_MAX) {
    problem(
      { file, line: 1, column: 1 },
      'MR-CONFIG-SYNTAX',
      'The file is larger than 1 MiB.',
      'Is it a pipeline?',
    );
    return null;
  }
  const lines = new LineCounter();
  const document = parseDocument(hidePlaceholders(text), { lineCounter: lines, prettyErrors: false });
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  for (const error of document.errors) {
    const duplicate = error.code === 'DUPLICATE_KEY';
    problem(
      placeAt(error.pos[0]),
      duplicate ? 'MR-CONFIG-DUPLICATE-KEY' : 'MR-CONFIG-SYNTAX',
      duplicate ? 'This key stands here a second time.' : `Not YAML: ${showPlaceholders(error.message)}.`,
      duplicate ? 'Remove one of the two.' : remedyFor(error.code),
    );
  }
  if (document.errors.length > 0) return null;
  const spots = new Map<string, Spot>();
  const value = collect(document, spots);
  if (value === TOO_MANY) {
    const message = `Its aliases stand for more than ${ALIASES_MAX} others, or for ${VALUES_MAX} values.`;
    problem(
      { file, line: 1, column: 1 },
      'MR-CONFIG-SYNTAX',
      message,
      'Write out what the aliases stand for.',
    );
    return null;
  }
  return { value, ...places(hidePlaceholders(text), spots, placeAt) };
}

function remedyFor(code: string): string {
  if (code === 'TAB_AS_INDENT') return 'Indent with spaces.';
  if (code === 'BAD_INDENT') return 'Keys that belong together start in the same column.';
  return 'Check quotes, colons and indentation here and in the line above.';
}

/** Each is looked up in the whole file. */
const ALIASES_MAX = 1_000;
/** More than a file without aliases can hold of what a pipeline is made of. */
const VALUES_MAX = 200_000;
const TOO_MANY = Symbol('too many values');

function collect(document: Document, spots: Map<string, Spot>): Plain | typeof TOO_MANY {
  let values = 0;
  let aliases = 0;
  const isTooMuch = (): boolean => values > VALUES_MAX || aliases > ALIASES_MAX;
  const walk = (node: Node | null, path: Path, key: number | null, depth: number): Plain => {
    const start = node?.range?.[0] ?? key ?? 0;
    values += 1;
    if (isAlias(node)) aliases += 1;
    if (isTooMuch()) return null;
    const spot = (scalar: Scalar | null): void => {
      spots.set(JSON.stringify(path), { key, value: start, scalar });
    };
    if (isAlias(node)) {
      spot(null);
      // Depth bounds aliases that hold themselves.
      return depth > 20
        ? null
        : walk((node.resolve(document) as Node | undefined) ?? null, path, key, depth + 1);
    }
    if (isMap(node)) {
      spot(null);
      const result: { [key: string]: Plain } = Object.create(null);
      for (const pair of node.items as Pair<Node, Node | null>[]) {
        // Keys are not filled in: a placeholder there is shown as it was written.
        const name = showPlaceholders(isScalar(pair.key) ? String(pair.key.value) : String(pair.key));
        result[name] = walk(pair.value, [...path, name], pair.key.range?.[0] ?? start, depth + 1);
      }
      return { ...result };
    }
    if (isSeq(node)) {
      spot(null);
      return node.items.map((item, index) => walk(item as Node, [...path, index], null, depth + 1));
    }
    spot(isScalar(node) ? node : null);
    return isScalar(node) ? plainScalar(node) : null;
  };
  const value = walk(document.contents as Node | null, [], null, 0);
  return isTooMuch() ? TOO_MANY : value;
}

function plainScalar(node: Scalar): Plain {
  const { value } = node;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return value === null || value === undefined ? null : String(value);
}

function places(
  text: string,
  spots: ReadonlyMap<string, Spot>,
  placeAt: (offset: number) => Place,
): Omit<YamlFile, 'value'> {
  const nearestSpot = (path: Path): Spot => {
    for (let length = path.length; length >= 0; length -= 1) {
      const spot = spots.get(JSON.stringify(path.slice(0, length)));
      if (spot) return spot;
    }
    return { key: null, value: 0, scalar: null };
  };
  return {
    keyPlace(path) {
      const { key, value } = nearestSpot(path);
      return placeAt(key ?? value);
    },
    valuePlace: (path) => placeAt(nearestSpot(path).value),
    placeInText(path, offset) {
      const { scalar, value } = nearestSpot(path);
      return placeAt(scalar === null ? value : sourceOffset(text, scalar, value, offset));
    },
  };
}

/** Offset in the file of a character of a scalar's value. With escapes before it, the nearest that can be said. */
function sourceOffset(text: string, scalar: Scalar, start: number, offset: number): number {
  if (scalar.type === Scalar.QUOTE_SINGLE || scalar.type === Scalar.QUOTE_DOUBLE) return start + 1 + offset;
  if (scalar.type !== Scalar.BLOCK_LITERAL && scalar.type !== Scalar.BLOCK_FOLDED) return start + offset;
  // Block text: every line is indented like the first, each line break counts as one character.
  let lineStart = text.indexOf('\n', start) + 1;
  const indent = /^ */.exec(text.slice(lineStart))?.[0].length ?? 0;
  let rest = offset;
  for (;;) {
    const lineEnd = text.indexOf('\n', lineStart);
    const length = Math.max(0, (lineEnd < 0 ? text.length : lineEnd) - lineStart - indent);
    if (rest <= length || lineEnd < 0) return Math.min(text.length, lineStart + indent + rest);
    rest -= length + 1;
    lineStart = lineEnd + 1;
  }
}
