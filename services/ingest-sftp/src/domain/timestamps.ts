import { DateTime } from 'luxon';
import { type FixedFormat, fixedFormat } from './fixed-format.ts';
import { zoneClock } from './zone.ts';

/** Text → integer µs since the epoch, UTC; `undefined` when it is none. */
export type TimestampParser = (text: string) => number | undefined;

const MICROS_PER: Readonly<Record<string, { readonly factor: bigint; readonly digits: number }>> = {
  'epoch-seconds': { factor: 1_000_000n, digits: 6 },
  'epoch-millis': { factor: 1_000n, digits: 3 },
  'epoch-micros': { factor: 1n, digits: 0 },
};

/**
 * @param format a Luxon format, `iso`, `epoch-seconds`, `epoch-millis` or `epoch-micros`
 * @param zone IANA zone of times that carry none
 */
export function timestampParser(format: string, zone: string): TimestampParser {
  const epoch = MICROS_PER[format];
  if (epoch) return (text) => fromEpoch(text, epoch.factor, epoch.digits);
  const toUtc = zoneClock(zone);
  const slow = format === 'iso' ? slowIso : slowFormat(format);
  const fast = format === 'iso' ? fastIso(toUtc) : fastFormat(fixedFormat(format), toUtc);
  return (text) => {
    const micros = fast(text);
    if (!Number.isNaN(micros)) return micros;
    return slow(text, toUtc);
  };
}

/** Text → days since the epoch. */
export function dateParser(format: string): (text: string) => number | undefined {
  const fixed = fixedFormat(format === 'iso' ? 'yyyy-MM-dd' : format);
  return (text) => {
    const ms = fixed ? fixed(text).localMs : Number.NaN;
    if (ms % 86_400_000 === 0) return ms / 86_400_000;
    const parsed =
      format === 'iso'
        ? DateTime.fromISO(text, { zone: 'utc' })
        : DateTime.fromFormat(text, format, { zone: 'utc', locale: 'en' });
    return parsed.isValid ? Math.floor(parsed.toMillis() / 86_400_000) : undefined;
  };
}

const EPOCH = /^([+-]?)(\d{1,17})(?:\.(\d{1,12}))?$/;

function fromEpoch(text: string, factor: bigint, digits: number): number | undefined {
  const match = EPOCH.exec(text);
  if (!match) return undefined;
  const fraction = (match[3] ?? '').slice(0, digits).padEnd(digits, '0');
  const micros = BigInt(match[2] ?? '0') * factor + BigInt(fraction === '' ? '0' : fraction);
  const signed = match[1] === '-' ? -micros : micros;
  const value = Number(signed);
  if (BigInt(value) !== signed || value < YEAR_1 || value > YEAR_9999_END) return undefined;
  return value + 0;
}

const ISO_TIME = fixedFormat('yyyy-MM-ddTHH:mm:ss', { openEnd: true });
const ISO_SPACE = fixedFormat('yyyy-MM-dd HH:mm:ss', { openEnd: true });

/** `2026-03-01T12:00:00[.fraction][Z|±hh:mm]`, also with a space between: what nearly all files hold. */
function fastIso(toUtc: (localMs: number) => number): (text: string) => number {
  return (text) => {
    const fixed = text.charCodeAt(10) === 32 ? ISO_SPACE : ISO_TIME;
    if (!fixed || text.length < 19) return Number.NaN;
    const { localMs } = fixed(text);
    if (Number.isNaN(localMs)) return Number.NaN;
    let at = 19;
    let micros = 0;
    const separator = text.charCodeAt(at);
    if (separator === 46 || separator === 44) {
      let scale = 100_000;
      const first = at + 1;
      for (at = first; at < text.length; at += 1) {
        const digit = text.charCodeAt(at) - 48;
        if (digit < 0 || digit > 9) break;
        micros += digit * scale;
        scale = scale === 1 ? 0 : scale / 10;
      }
      if (at === first || at - first > 12) return Number.NaN;
    }
    if (at === text.length) return exact(toUtc(localMs), micros);
    return exact(localMs - fixedOffset(text, at), micros);
  };
}

/** `Z` or `±hh:mm` up to the end, in ms; NaN otherwise. */
function fixedOffset(text: string, at: number): number {
  const sign = text.charCodeAt(at);
  if (sign === 90) return at + 1 === text.length ? 0 : Number.NaN;
  if ((sign !== 43 && sign !== 45) || text.length !== at + 6 || text.charCodeAt(at + 3) !== 58)
    return Number.NaN;
  const digit = (i: number): number => {
    const value = text.charCodeAt(i) - 48;
    return value >= 0 && value <= 9 ? value : Number.NaN;
  };
  const hours = digit(at + 1) * 10 + digit(at + 2);
  const minutes = digit(at + 4) * 10 + digit(at + 5);
  if (!(hours <= 14) || !(minutes <= 59)) return Number.NaN;
  return (sign === 45 ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

function fastFormat(fixed: FixedFormat | null, toUtc: (localMs: number) => number): (text: string) => number {
  if (!fixed) return () => Number.NaN;
  return (text) => {
    const { localMs, micros } = fixed(text);
    return exact(toUtc(localMs), micros);
  };
}

/** Whatever else Luxon takes for ISO 8601: week dates, ordinal dates, the basic format. */
function slowIso(text: string, toUtc: (localMs: number) => number): number | undefined {
  const parsed = DateTime.fromISO(text, { setZone: true, zone: 'utc' });
  if (!parsed.isValid) return undefined;
  const carriesZone =
    /(?:z|[+-]\d{2}(?::?\d{2})?)$/i.test(text.slice(text.search(/t/i) + 1)) && /t/i.test(text);
  const ms = carriesZone ? parsed.toMillis() : toUtc(parsed.toMillis());
  return micros(ms, text);
}

function slowFormat(
  format: string,
): (text: string, toUtc: (localMs: number) => number) => number | undefined {
  const parser = DateTime.buildFormatParser(format, { locale: 'en' });
  const carriesZone = /[Zz]/.test(format.replaceAll(/'[^']*'/g, ''));
  const carriesMicros = /u/.test(format.replaceAll(/'[^']*'/g, ''));
  return (text, toUtc) => {
    const parsed = DateTime.fromFormatParser(text, parser, { setZone: true, zone: 'utc', locale: 'en' });
    if (!parsed.isValid) return undefined;
    const ms = carriesZone ? parsed.toMillis() : toUtc(parsed.toMillis());
    return carriesMicros ? micros(ms, text) : known(exact(ms, 0));
  };
}

/** Luxon counts milliseconds; what the text says beyond them is added, and cut behind µs. */
function micros(ms: number, text: string): number | undefined {
  const fraction = /[.,](\d+)/.exec(text)?.[1] ?? '';
  return known(exact(ms, Number(fraction.slice(3, 6).padEnd(3, '0'))));
}

/** 0001-01-01T00:00:00Z; `Date.UTC` takes the years 0 to 99 for 1900 to 1999. */
const YEAR_1 = -62_135_596_800_000_000;
const YEAR_9999_END = Date.UTC(9999, 11, 31, 23, 59, 59) * 1_000;

/** ms and µs beyond them as one number; NaN where a double cannot hold it exactly, see `FieldType`. */
function exact(ms: number, beyond: number): number {
  const value = ms * 1_000 + beyond;
  if (Number.isSafeInteger(value)) return value;
  const wholeSecond = beyond === 0 && ms % 1_000 === 0;
  return wholeSecond && value >= YEAR_1 && value <= YEAR_9999_END ? value : Number.NaN;
}

function known(micros: number): number | undefined {
  return Number.isNaN(micros) ? undefined : micros;
}
