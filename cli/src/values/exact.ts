import type { AvroTypeOptions } from '@millrace/contracts';
import avsc, { type Schema, type Type } from 'avsc';

/** An instant as it lies in Kafka, to the microsecond. */
export class Instant {
  readonly micros: bigint;

  constructor(micros: bigint) {
    this.micros = micros;
  }

  /** ISO 8601 in UTC with as many decimals as there are, at least three. */
  toString(): string {
    const rest = ((this.micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
    const seconds = Number((this.micros - rest) / 1_000_000n);
    const date = new Date(seconds * 1_000);
    // Beyond what a calendar knows: the number itself is all that can be said.
    if (Number.isNaN(date.getTime())) return `${this.micros} µs`;
    const decimals = rest.toString().padStart(6, '0');
    const shown = decimals.endsWith('000') ? decimals.slice(0, 3) : decimals;
    return date.toISOString().replace(/\.\d{3}Z$/, `.${shown}Z`);
  }

  toJSON(): string {
    return this.toString();
  }
}

/** A decimal number as written: unscaled and scale. */
export class Decimal {
  readonly unscaled: bigint;
  readonly scale: number;

  constructor(unscaled: bigint, scale: number) {
    this.unscaled = unscaled;
    this.scale = scale;
  }

  toString(): string {
    const sign = this.unscaled < 0n ? '-' : '';
    const digits = (this.unscaled < 0n ? -this.unscaled : this.unscaled).toString();
    if (this.scale === 0) return sign + digits;
    const padded = digits.padStart(this.scale + 1, '0');
    return `${sign}${padded.slice(0, -this.scale)}.${padded.slice(-this.scale)}`;
  }

  toJSON(): string {
    return this.toString();
  }
}

/** A calendar day. */
export class Day {
  readonly days: number;

  constructor(days: number) {
    this.days = days;
  }

  toString(): string {
    const date = new Date(this.days * 86_400_000);
    return Number.isNaN(date.getTime()) ? `day ${this.days}` : date.toISOString().slice(0, 10);
  }

  toJSON(): string {
    return this.toString();
  }
}

class ExactDay extends avsc.types.LogicalType {
  protected override _fromValue(value: number): Day {
    return new Day(value);
  }

  protected override _toValue(value: Day): number {
    return value.days;
  }
}

class ExactDecimal extends avsc.types.LogicalType {
  readonly #scale: number;

  constructor(schema: Schema, options?: unknown) {
    super(schema, options);
    const scale: unknown = typeof schema === 'object' && 'scale' in schema ? schema.scale : 0;
    this.#scale = typeof scale === 'number' && Number.isInteger(scale) && scale >= 0 ? scale : 0;
  }

  protected override _fromValue(value: Buffer): Decimal {
    const unscaled =
      value.length === 0 ? 0n : BigInt.asIntN(value.length * 8, BigInt(`0x${value.toString('hex')}`));
    return new Decimal(unscaled, this.#scale);
  }

  protected override _toValue(value: Decimal): Buffer {
    let bytes = 1;
    while (BigInt.asIntN(bytes * 8, value.unscaled) !== value.unscaled) bytes += 1;
    const hex = BigInt.asUintN(bytes * 8, value.unscaled).toString(16);
    return Buffer.from(hex.padStart(bytes * 2, '0'), 'hex');
  }
}

/** An Avro long that is read as something of ours; all 64 bits, so that nothing is rounded on its way to the eye. */
function exactLong<T>(
  read: (value: bigint) => T,
  write: (value: T) => bigint,
  is: (value: unknown) => boolean,
): Type {
  return avsc.types.LongType.__with({
    fromBuffer: (buffer: Buffer) => read(buffer.readBigInt64LE()),
    toBuffer: (value: T) => {
      const buffer = Buffer.alloc(8);
      buffer.writeBigInt64LE(write(value));
      return buffer;
    },
    fromJSON: (value: unknown) => read(BigInt(value as string | number | bigint)),
    toJSON: (value: T) => Number(write(value)),
    isValid: is,
    compare: (x: T, y: T) => Number(write(x) - write(y)),
  });
}

const isInstant = (value: unknown): boolean => value instanceof Instant;

const LONG = exactLong<bigint>(
  (value) => value,
  (value) => value,
  (value) => typeof value === 'bigint',
);
const MICROS = exactLong(
  (value) => new Instant(value),
  (value) => value.micros,
  isInstant,
);
const MILLIS = exactLong(
  (value) => new Instant(value * 1_000n),
  (value) => value.micros / 1_000n,
  isInstant,
);

function longTypeOf(schema: unknown): Type | undefined {
  if (schema === 'long') return LONG;
  if (typeof schema !== 'object' || schema === null || !('type' in schema) || schema.type !== 'long') {
    return undefined;
  }
  const logical = 'logicalType' in schema ? schema.logicalType : undefined;
  return logical === 'timestamp-micros' ? MICROS : logical === 'timestamp-millis' ? MILLIS : LONG;
}

/**
 * How avsc makes types for reading by people: each logical type keeps what it is, long is bigint. Not the types
 * of the data path, which carry bare numbers for speed. Fresh each time, since avsc writes into them.
 */
export function exactTypeOptions(): AvroTypeOptions {
  return {
    logicalTypes: { decimal: ExactDecimal, date: ExactDay },
    wrapUnions: 'never',
    typeHook: longTypeOf,
  };
}
