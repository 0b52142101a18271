import type { FieldDef, FieldType, FieldValue } from '@millrace/core';

/** Says that a value does not fit; `null` is a value. */
export const UNFIT: unique symbol = Symbol('unfit');

/** The value of a computed field from what its expression gave, exactly or not at all. */
export function fromCel(field: FieldDef, value: unknown): FieldValue | typeof UNFIT {
  if (value === null || value === undefined) return field.optional ? null : UNFIT;
  return convert(field.type, isUnsigned(value) ? value.value : value);
}

/** cel-js wraps `uint` in an object of its own with the bigint as `value`. */
function isUnsigned(value: unknown): value is { readonly value: bigint } {
  return typeof value === 'object' && value !== null && 'value' in value && typeof value.value === 'bigint';
}

function convert(type: FieldType, value: unknown): FieldValue | typeof UNFIT {
  switch (type.kind) {
    case 'string':
      return typeof value === 'string' ? value : UNFIT;
    case 'boolean':
      return typeof value === 'boolean' ? value : UNFIT;
    case 'int32': {
      const integer = toInteger(value);
      return integer !== null && BigInt.asIntN(32, integer) === integer ? Number(integer) : UNFIT;
    }
    case 'int64': {
      const integer = toInteger(value);
      return integer !== null && BigInt.asIntN(64, integer) === integer ? integer : UNFIT;
    }
    case 'float64':
      return toDouble(value);
    case 'decimal':
      return toDecimal(type, value);
    case 'timestamp':
      return isValidDate(value) ? value.getTime() * 1000 : UNFIT;
    case 'date':
      return isValidDate(value) && value.getTime() % 86_400_000 === 0 ? value.getTime() / 86_400_000 : UNFIT;
    case 'bytes':
      return value instanceof Uint8Array ? Buffer.from(value) : UNFIT;
  }
}

function toInteger(value: unknown): bigint | null {
  if (typeof value === 'bigint') return value;
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : null;
}

function toDouble(value: unknown): number | typeof UNFIT {
  if (typeof value === 'number') return value;
  if (typeof value !== 'bigint') return UNFIT;
  const double = Number(value);
  return BigInt(double) === value ? double : UNFIT;
}

const PLAIN = /^(-?)(\d+)(?:\.(\d+))?$/;

/** From an integer, from a decimal's text, or from the shortest text of a double: digits beyond the scale do not fit. */
function toDecimal(type: FieldType & { kind: 'decimal' }, value: unknown): bigint | typeof UNFIT {
  const text =
    typeof value === 'bigint' || typeof value === 'number'
      ? plainText(value)
      : typeof value === 'string'
        ? value
        : '';
  const match = PLAIN.exec(text);
  if (!match) return UNFIT;
  const fraction = (match[3] ?? '').replace(/0+$/, '');
  if (fraction.length > type.scale) return UNFIT;
  const unscaled = BigInt(`${match[2] ?? '0'}${fraction.padEnd(type.scale, '0')}`);
  if (unscaled >= 10n ** BigInt(type.precision)) return UNFIT;
  return match[1] === '-' ? -unscaled : unscaled;
}

/** JavaScript writes small and large doubles with an exponent: `1e-7`. */
function plainText(value: bigint | number): string {
  const text = String(value);
  const match = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (!match) return text;
  const digits = `${match[2] ?? ''}${match[3] ?? ''}`;
  const point = (match[2] ?? '').length + Number(match[4]);
  const sign = match[1] ?? '';
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return point >= digits.length
    ? `${sign}${digits.padEnd(point, '0')}`
    : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

function isValidDate(value: unknown): value is Date {
  return value instanceof Date && !Number.isNaN(value.getTime());
}
