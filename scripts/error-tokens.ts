/** As much of TypeScript as the reference of errors needs: words, marks and texts, without comments. */
export interface Token {
  readonly kind: 'word' | 'mark' | 'text';
  /** Of a text its content, with `…` for what a template fills in. */
  readonly text: string;
}

const SPACE = /\s/;
const WORD = /[\w$#]/;
/** After one of these a slash begins a regular expression. */
const BEFORE_REGEX = /^(?:[(,=:[!&|?{};+]|return|=>)$/;

export function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < source.length) {
    const char = source[at] ?? '';
    if (SPACE.test(char)) at += 1;
    else if (source.startsWith('//', at)) at = endOf(source, '\n', at);
    else if (source.startsWith('/*', at)) at = endOf(source, '*/', at);
    else if (char === "'" || char === '"' || char === '`') {
      const { text, end } = readText(source, at);
      tokens.push({ kind: 'text', text });
      at = end;
    } else if (char === '/' && BEFORE_REGEX.test(tokens.at(-1)?.text ?? '(')) at = endOfRegex(source, at);
    else if (WORD.test(char)) {
      const begin = at;
      while (at < source.length && WORD.test(source[at] ?? '')) at += 1;
      tokens.push({ kind: 'word', text: source.slice(begin, at) });
    } else {
      tokens.push({ kind: 'mark', text: source.startsWith('=>', at) ? '=>' : char });
      at += source.startsWith('=>', at) ? 2 : 1;
    }
  }
  return tokens;
}

function endOf(source: string, what: string, from: number): number {
  const found = source.indexOf(what, from + 2);
  return found < 0 ? source.length : found + what.length;
}

function endOfRegex(source: string, from: number): number {
  let inClass = false;
  for (let at = from + 1; at < source.length; at += 1) {
    const char = source[at];
    if (char === '\\') at += 1;
    else if (char === '[') inClass = true;
    else if (char === ']') inClass = false;
    else if (char === '/' && !inClass) return at + 1;
  }
  return source.length;
}

function readText(source: string, from: number): { readonly text: string; readonly end: number } {
  const quote = source[from] ?? '';
  let text = '';
  let at = from + 1;
  while (at < source.length && source[at] !== quote) {
    if (source[at] === '\\') {
      text += source[at + 1] === 'n' ? ' ' : (source[at + 1] ?? '');
      at += 2;
    } else if (quote === '`' && source.startsWith('${', at)) {
      text += '…';
      at = endOfHole(source, at + 2);
    } else {
      text += source[at];
      at += 1;
    }
  }
  return { text, end: at + 1 };
}

/** Behind the `}` of a template's hole, which may hold texts and templates itself. */
function endOfHole(source: string, from: number): number {
  let depth = 1;
  let at = from;
  while (at < source.length && depth > 0) {
    const char = source[at] ?? '';
    if (char === "'" || char === '"' || char === '`') {
      at = readText(source, at).end;
      continue;
    }
    if (
      char === '/' &&
      BEFORE_REGEX.test(
        source
          .slice(from - 1, at)
          .trimEnd()
          .at(-1) ?? '{',
      )
    ) {
      at = endOfRegex(source, at);
      continue;
    }
    if (char === '{') depth += 1;
    if (char === '}') depth -= 1;
    at += 1;
  }
  return at;
}
