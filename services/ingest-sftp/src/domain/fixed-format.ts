/** The wall clock that a text says, as ms since the epoch as if it were UTC, and µs within that second's rest. */
export interface WallClock {
  /** NaN when the text does not match. */
  localMs: number;
  micros: number;
}

/** Overwrites and returns one and the same object. */
export type FixedFormat = (text: string) => Readonly<WallClock>;

type Part = 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second' | 'millis';

/** Luxon tokens of fixed width. Any other token makes a format one for Luxon itself. */
const TOKENS: Readonly<Record<string, readonly [Part, number]>> = {
  yyyy: ['year', 4],
  MM: ['month', 2],
  dd: ['day', 2],
  HH: ['hour', 2],
  mm: ['minute', 2],
  ss: ['second', 2],
  SSS: ['millis', 3],
};

interface Step {
  readonly part: Part;
  readonly at: number;
  readonly width: number;
}

/**
 * A parser for an all-numeric format of fixed width, equal to Luxon on what it accepts (property test) and some
 * twenty times faster; `null` when the format is not of that kind. A text that it does not accept is for Luxon to
 * judge. With `openEnd` the text may go on behind the format; `T` is a literal, as in ISO 8601.
 */
export function fixedFormat(
  format: string,
  options: { readonly openEnd?: boolean } = {},
): FixedFormat | null {
  const steps: Step[] = [];
  const literals: { readonly at: number; readonly unit: number }[] = [];
  let width = 0;
  for (const [token] of format.matchAll(/'[^']*'|([A-Za-z])\1*|[^A-Za-z]/g)) {
    const known = TOKENS[token];
    if (known) {
      steps.push({ part: known[0], at: width, width: known[1] });
      width += known[1];
      continue;
    }
    const literal = token.startsWith("'") ? token.slice(1, -1) : token;
    const isWord = /[A-Za-z]/.test(token) && !token.startsWith("'");
    // Luxon takes any blank for a blank; that is for Luxon.
    if (isWord && !(token === 'T' && options.openEnd)) return null;
    for (let i = 0; i < literal.length; i += 1) literals.push({ at: width + i, unit: literal.charCodeAt(i) });
    width += literal.length;
  }
  const has = (part: Part): boolean => steps.filter((step) => step.part === part).length === 1;
  if (!has('year') || !has('month') || !has('day')) return null;
  if (new Set(steps.map((step) => step.part)).size !== steps.length) return null;
  return compile(steps, literals, width, options.openEnd ?? false);
}

function compile(
  steps: readonly Step[],
  literals: readonly { readonly at: number; readonly unit: number }[],
  width: number,
  openEnd: boolean,
): FixedFormat {
  const at = (part: Part): number => steps.find((step) => step.part === part)?.at ?? -1;
  const [year, month, day] = [at('year'), at('month'), at('day')];
  const [hour, minute, second, millis] = [at('hour'), at('minute'), at('second'), at('millis')];
  const result: WallClock = { localMs: Number.NaN, micros: 0 };
  return (text) => {
    result.localMs = Number.NaN;
    if (openEnd ? text.length < width : text.length !== width) return result;
    for (const literal of literals) if (text.charCodeAt(literal.at) !== literal.unit) return result;
    const y = two(text, year) * 100 + two(text, year + 2);
    const mo = two(text, month);
    const d = two(text, day);
    const h = hour < 0 ? 0 : two(text, hour);
    const mi = minute < 0 ? 0 : two(text, minute);
    const s = second < 0 ? 0 : two(text, second);
    const ms = millis < 0 ? 0 : two(text, millis) * 10 + one(text, millis + 2);
    // Comparisons with NaN are false, so that a non-digit fails here as well. 24:00 is left to Luxon.
    if (!(y >= 1 && mo >= 1 && mo <= 12 && d >= 1 && d <= daysIn(y, mo))) return result;
    if (!(h <= 23 && mi <= 59 && s <= 59 && ms <= 999)) return result;
    result.localMs = daysFromCivil(y, mo, d) * 86_400_000 + h * 3_600_000 + mi * 60_000 + s * 1_000 + ms;
    return result;
  };
}

function one(text: string, at: number): number {
  const digit = text.charCodeAt(at) - 48;
  return digit >= 0 && digit <= 9 ? digit : Number.NaN;
}

function two(text: string, at: number): number {
  return one(text, at) * 10 + one(text, at + 1);
}

const DAYS = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function daysIn(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && leap ? 29 : (DAYS[month] ?? 0);
}

/** Days since 1970-01-01 of a proleptic Gregorian date (Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
