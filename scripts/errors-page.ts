import { type Token, tokensOf } from './error-tokens.ts';

/** What the sources say about one code, all places together. */
export interface ErrorEntry {
  readonly code: string;
  readonly kinds: ReadonlySet<string>;
  readonly messages: ReadonlySet<string>;
  readonly remedies: ReadonlySet<string>;
}

const CODE = /^MR(-[A-Z0-9]+)+$/;
const KINDS = new Set(['data', 'transient', 'systemic', 'fenced', 'halt', 'config', 'bug']);
const OPENING = new Set(['(', '[', '{']);
const CLOSING = new Set([')', ']', '}']);

/** Every `MR-…` code that the sources make, with kind, message and remedy as far as they are written there. */
export function collectErrors(sources: readonly string[]): ErrorEntry[] {
  const entries = new Map<string, { kinds: Set<string>; messages: Set<string>; remedies: Set<string> }>();
  for (const source of sources) {
    const tokens = tokensOf(source);
    for (const [at, token] of tokens.entries()) {
      if (token.kind !== 'text' || !CODE.test(token.text) || isCompared(tokens, at)) continue;
      const entry = entries.get(token.text) ?? { kinds: new Set(), messages: new Set(), remedies: new Set() };
      entries.set(token.text, entry);
      const said = whatIsSaid(tokens, at);
      for (const kind of said.kinds) entry.kinds.add(kind);
      for (const text of said.messages) entry.messages.add(text);
      for (const text of said.remedies) entry.remedies.add(text);
    }
  }
  return [...entries].map(([code, entry]) => ({ code, ...entry })).sort((x, y) => (x.code < y.code ? -1 : 1));
}

/** `error.code === 'MR-…'` makes no error. */
function isCompared(tokens: readonly Token[], at: number): boolean {
  return tokens[at - 1]?.text === '=' && tokens[at - 2]?.text === '=';
}

interface Said {
  readonly kinds: readonly string[];
  readonly messages: readonly string[];
  readonly remedies: readonly string[];
}

/** The object or call around a code: `{ kind, code, message, remedy }`, or arguments in that order. */
function whatIsSaid(tokens: readonly Token[], at: number): Said {
  const begin = openingBefore(tokens, at);
  if (begin < 0) return { kinds: [], messages: [], remedies: [] };
  const parts = partsOf(tokens, begin + 1);
  if (tokens[begin]?.text === '{') {
    const value = (name: string): string[] => {
      const part = parts.find(([first]) => first !== undefined && tokens[first]?.text === name);
      if (part === undefined) return [];
      // `message,` in an object is short for `message: message`.
      return textsIn(tokens, part.length === 1 ? part : part.slice(2), at);
    };
    return {
      kinds: value('kind').filter((one) => KINDS.has(one)),
      messages: value('message'),
      remedies: value('remedy'),
    };
  }
  const index = parts.findIndex((part) => part.includes(at));
  const before = parts.slice(0, index).flatMap((part) => textsIn(tokens, part, at));
  const after = parts.slice(index + 1).map((part) => textsIn(tokens, part, at));
  const kinds = before.filter((one) => KINDS.has(one));
  // A table of rules names the kind first and has the database's own message.
  if (kinds.length > 0) return { kinds, messages: [], remedies: after[0] ?? [] };
  return { kinds, messages: after[0] ?? [], remedies: after[1] ?? [] };
}

function openingBefore(tokens: readonly Token[], at: number): number {
  let depth = 0;
  for (let i = at - 1; i >= 0; i -= 1) {
    const { kind, text } = tokens[i] ?? { kind: 'mark', text: '' };
    if (kind !== 'mark') continue;
    if (CLOSING.has(text)) depth += 1;
    else if (OPENING.has(text)) {
      if (depth === 0) return i;
      depth -= 1;
    }
  }
  return -1;
}

/** The parts between commas from here to the closing bracket, as indices of tokens. */
function partsOf(tokens: readonly Token[], from: number): number[][] {
  const parts: number[][] = [[]];
  let depth = 0;
  for (let i = from; i < tokens.length; i += 1) {
    const { kind, text } = tokens[i] ?? { kind: 'mark', text: '' };
    if (kind === 'mark') {
      if (CLOSING.has(text) && depth === 0) break;
      if (OPENING.has(text)) depth += 1;
      if (CLOSING.has(text)) depth -= 1;
      if ((text === ',' || text === ';') && depth === 0) {
        parts.push([]);
        continue;
      }
    }
    parts.at(-1)?.push(i);
  }
  return parts;
}

/** The texts of an expression; of a name, those of the `const` of that name above it. */
function textsIn(tokens: readonly Token[], part: readonly number[], below: number): string[] {
  const [only] = part;
  if (part.length !== 1 || only === undefined || tokens[only]?.kind !== 'word') return textsOf(tokens, part);
  const name = tokens[only]?.text ?? '';
  for (let i = below; i >= 0; i -= 1) {
    // Beyond the function only the constants of the file are meant.
    if (tokens[i]?.text === 'function' && name !== name.toUpperCase()) return [];
    if (tokens[i]?.text === 'const' && tokens[i + 1]?.text === name && tokens[i + 2]?.text === '=')
      return textsOf(tokens, partsOf(tokens, i + 3)[0] ?? []);
  }
  return [];
}

/** Arguments of calls in an expression are not what it says; texts with `+` between them are one. */
function textsOf(tokens: readonly Token[], part: readonly number[]): string[] {
  const texts: string[] = [];
  let depth = 0;
  for (const i of part) {
    const { kind, text } = tokens[i] ?? { kind: 'mark', text: '' };
    if (kind === 'mark' && OPENING.has(text)) depth += 1;
    else if (kind === 'mark' && CLOSING.has(text)) depth -= 1;
    if (kind !== 'text' || depth > 0 || CODE.test(text)) continue;
    const isRest = tokens[i - 1]?.text === '+' && tokens[i - 2]?.kind === 'text' && texts.length > 0;
    if (isRest) texts.push(`${texts.pop() ?? ''}${text}`);
    else if (!isCompared(tokens, i)) texts.push(text);
  }
  return texts;
}

const AREAS: Readonly<Record<string, string>> = {
  AVRO: 'Values in Avro',
  CLI: 'The command line',
  CONFIG: 'Pipeline files and environment',
  FILE: 'One file',
  KAFKA: 'Kafka',
  PG: 'PostgreSQL',
  REGISTRY: 'The schema registry',
  ROW: 'One row: reasons of dead letters',
  SFTP: 'SFTP servers',
  SINK: 'Sinks, and reasons of their dead letters',
  STACK: 'The embedded stack',
  TRANSFORM: 'The transformer',
};

/** `docs/reference/errors.md`. Each code once. */
export function errorsPage(entries: readonly ErrorEntry[]): string {
  const areas = Map.groupBy(entries, ({ code }) => code.split('-')[1] ?? '');
  const known = [...areas].filter(([area]) => area in AREAS);
  const other = [...areas].filter(([area]) => !(area in AREAS)).flatMap(([, list]) => list);
  const sections = known.map(([area, list]) => section(AREAS[area] ?? '', list));
  if (other.length > 0) sections.push(section('Others', other));
  return `# Errors

Generated by \`npm run gen\` from the sources: edit those.

Codes are stable. The kind decides what happens: \`data\` sets one record aside, \`transient\` is tried again,
\`systemic\` pauses until somebody mends the world, \`fenced\` lets go, \`halt\` and \`config\` stop until somebody
decides, \`bug\` is ours. Mistakes in pipeline files and reasons of dead letters have no kind of their own. \`…\` stands
for what is filled in. Errors of a broker that Kafka names itself are \`MR-KAFKA-\` and that name.

${sections.join('\n')}`;
}

function section(title: string, entries: readonly ErrorEntry[]): string {
  const rows = entries.map(
    ({ code, kinds, messages, remedies }) =>
      `| \`${code}\` | ${[...kinds].join(', ')} | ${cell(messages)} | ${cell(remedies)} |`,
  );
  return `## ${title}\n\n| code | kind | what happened | what to do |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}

function cell(texts: ReadonlySet<string>): string {
  return [...texts]
    .map((text) => text.replace(/\s+/g, ' ').trim().replaceAll('|', '\\|').replaceAll('<', '&lt;'))
    .filter((text) => text !== '' && text !== '…')
    .join('<br>');
}
