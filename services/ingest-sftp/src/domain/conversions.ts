import type { CsvFormat } from '@millrace/config';
import type { FieldType, FieldValue } from '@millrace/core';
import { dateParser, timestampParser } from './timestamps.ts';

/** Text → value, exact; `undefined` when the text is none of this type. Never null: nulls are decided before. */
export interface Conversion {
  readonly convert: (text: string) => Exclude<FieldValue, null> | undefined;
  /** Reason code of a text that does not convert. */
  readonly code: string;
  readonly message: string;
}

type NumberFormat = Pick<CsvFormat, 'decimal' | 'thousands'>;

export function conversionFor(type: FieldType, format: CsvFormat): Conversion {
  switch (type.kind) {
    case 'string':
      return { convert: (text) => text, code: 'MR-ROW-ENCODING', message: 'not a text' };
    case 'boolean':
      return { convert: toBoolean, code: 'MR-ROW-BOOLEAN', message: 'neither true nor false' };
    case 'int32':
      return numeric(toInt32, format, 'not an integer of 32 bits');
    case 'int64':
      return numeric(toInt64, format, 'not an integer of 64 bits');
    case 'float64':
      return numeric(toFloat64, format, 'not a finite number');
    case 'decimal': {
      const message = `not a decimal of at most ${type.precision} digits, ${type.scale} of them fractional`;
      return numeric((text) => toDecimal(text, type.precision, type.scale), format, message);
    }
    case 'timestamp': {
      const parse = timestampParser(format.timestamp, format.zone);
      const skipped = format.zone === 'UTC' ? '' : `, or one that ${format.zone} skips`;
      const message = `not a time of the format ${format.timestamp}${skipped}`;
      return { convert: (text) => parse(text.trim()), code: 'MR-ROW-TIMESTAMP', message };
    }
    case 'date': {
      const parse = dateParser(format.date);
      const message = `not a date of the format ${format.date}`;
      return { convert: (text) => parse(text.trim()), code: 'MR-ROW-DATE', message };
    }
    case 'bytes':
      return { convert: toBytes, code: 'MR-ROW-BYTES', message: 'not bytes in hexadecimal' };
  }
}

function numeric<V extends number | bigint>(
  convert: (text: string) => V | undefined,
  format: NumberFormat,
  message: string,
): Conversion {
  const normal = normalizer(format);
  return {
    convert: (text) => {
      const plain = normal(text);
      return plain === undefined ? undefined : convert(plain);
    },
    code: 'MR-ROW-NUMBER',
    message,
  };
}

/**
 * Makes the text of a number plain: trimmed, `.` as decimal separator, no thousands separators. These must stand
 * between groups of three digits: `1,5` is no number where the comma separates thousands.
 */
export function normalizer({ decimal, thousands }: NumberFormat): (text: string) => string | undefined {
  if (decimal === '.' && thousands === '') return (text) => text.trim();
  const literally = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
  const grouped =
    thousands === ''
      ? null
      : new RegExp(`^[+-]?\\d{1,3}(?:${literally(thousands)}\\d{3})+(?:${literally(decimal)}\\d*)?$`);
  return (text) => {
    let plain = text.trim();
    if (grouped && plain.includes(thousands)) {
      if (!grouped.test(plain)) return undefined;
      plain = plain.replaceAll(thousands, '');
    }
    if (decimal === '.') return plain;
    return plain.includes('.') ? undefined : plain.replace(decimal, '.');
  };
}

const INTEGER = /^[+-]?\d+$/;
const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,5})?$/;
const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?$/;

function toInt32(text: string): number | undefined {
  if (text.length > 24 || !INTEGER.test(text)) return undefined;
  const value = Number(text);
  // Number('-0') is a float that no integer type has.
  return (value | 0) === value ? value | 0 : undefined;
}

function toInt64(text: string): bigint | undefined {
  if (text.length > 40 || !INTEGER.test(text)) return undefined;
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

function toFloat64(text: string): number | undefined {
  if (!FLOAT.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function toDecimal(text: string, precision: number, scale: number): bigint | undefined {
  if (text.length > 2 * precision + 80) return undefined;
  const match = DECIMAL.exec(text);
  if (!match) return undefined;
  const [, sign = '', whole = '', fraction = ''] = match;
  if (whole === '' && fraction === '') return undefined;
  const kept = fraction.slice(0, scale).padEnd(scale, '0');
  if (/[1-9]/.test(fraction.slice(scale))) return undefined;
  const digits = (whole + kept).replace(/^0+/, '');
  if (digits.length > precision) return undefined;
  const unscaled = BigInt(digits === '' ? '0' : digits);
  return sign === '-' ? -unscaled : unscaled;
}

const TRUE = new Set(['true', 't', 'yes', 'y', 'on', '1']);
const FALSE = new Set(['false', 'f', 'no', 'n', 'off', '0']);

function toBoolean(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  if (TRUE.has(word)) return true;
  return FALSE.has(word) ? false : undefined;
}

const HEX = /^(?:0x|\\x)?((?:[0-9a-f]{2})*)$/i;

function toBytes(text: string): Buffer | undefined {
  const match = HEX.exec(text.trim());
  return match ? Buffer.from(match[1] ?? '', 'hex') : undefined;
}
