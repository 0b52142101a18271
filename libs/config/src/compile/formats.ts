import { nearest } from '../suggest.ts';

export interface FormatMistake {
  readonly message: string;
  readonly remedy: string;
}

const NAMED = ['iso', 'epoch-seconds', 'epoch-millis', 'epoch-micros'];
const TOKENS = new Set(
  'G y yy yyyy yyyyy yyyyyy M MM MMM MMMM L LL LLL LLLL d dd o ooo H HH h hh m mm s ss S SSS u uu uuu a E EEE EEEE c ccc cccc Z ZZ ZZZ z kk kkkk W WW'.split(
    ' ',
  ),
);
/** Letters that other libraries use and that mean something else, or nothing, to Luxon. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  YYYY: 'yyyy',
  YY: 'yy',
  DD: 'dd',
  D: 'd',
  A: 'a',
  SS: 'SSS',
  T: "'T'",
  X: 'epoch-seconds (as the whole format)',
};

/** What is wrong with a timestamp or date format, as far as it can be told without a value; null if nothing. */
export function formatMistake(format: string, kind: 'timestamp' | 'date'): FormatMistake | null {
  const named = kind === 'date' ? ['iso'] : NAMED;
  if (named.includes(format)) return null;
  if (/^(iso|epoch|unix)/i.test(format)) {
    const near = nearest(format, named);
    return {
      message: `'${format}' is no format.`,
      remedy:
        near === null ? `Write one of ${named.join(', ')}, or Luxon tokens.` : `Did you mean '${near}'?`,
    };
  }
  const unquoted = format.replace(/'[^']*'/g, '\0');
  if (unquoted.includes("'")) {
    return { message: 'A quote is not closed.', remedy: "Put fixed text between two quotes: yyyy'T'HH." };
  }
  const tokens = unquoted.match(/([A-Za-z])\1*/g) ?? [];
  for (const token of tokens) {
    if (TOKENS.has(token)) continue;
    const meant = ELSEWHERE[token];
    return {
      message: `'${token}' is not a token of Luxon that can be read.`,
      remedy: meant === undefined ? `Fixed letters go in quotes: '${token}'.` : `Write ${meant}.`,
    };
  }
  return missingPart(tokens, kind);
}

function missingPart(tokens: readonly string[], kind: 'timestamp' | 'date'): FormatMistake | null {
  const has = (pattern: RegExp): boolean => tokens.some((token) => pattern.test(token));
  if (has(/^h/) && !has(/^a$/)) {
    return {
      message: "'h' counts to 12, and nothing says morning or afternoon.",
      remedy: "Write 'HH', or add 'a'.",
    };
  }
  const wholeDate =
    (has(/^y/) && ((has(/^[ML]/) && has(/^d/)) || has(/^o/))) || (has(/^k/) && has(/^W/) && has(/^[Ec]/));
  if (!wholeDate) {
    return {
      message: 'The format does not give year, month and day.',
      remedy: 'Write for instance yyyy-MM-dd.',
    };
  }
  if (kind === 'date' && has(/^[HhmsSuZz]/)) {
    return { message: 'A date has no time of day.', remedy: 'Leave hours, minutes and seconds out.' };
  }
  return null;
}

/** Whether the system knows this IANA zone. */
export function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    // RangeError is how Intl says no.
    return false;
  }
}

export function zoneRemedy(zone: string): string {
  const near = nearest(zone, [...Intl.supportedValuesOf('timeZone'), 'UTC']);
  return near === null ? 'Write a name like Europe/Berlin or UTC.' : `Did you mean '${near}'?`;
}
