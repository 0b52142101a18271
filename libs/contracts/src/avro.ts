import type { FieldDef, FieldType } from '@millrace/core';
import avsc, { type Schema, type Type } from 'avsc';
import type { PipelineId } from './names.ts';

export interface AvroRecordSchema {
  readonly type: 'record';
  readonly name: string;
  readonly namespace: string;
  readonly fields: readonly unknown[];
  readonly [attribute: string]: unknown;
}

/** The Avro schema of one stream of a pipeline; the table in `FieldType` says how each type is carried. */
export function streamSchema(
  { name }: PipelineId,
  stream: string,
  fields: readonly FieldDef[],
): AvroRecordSchema {
  return {
    type: 'record',
    name: identifier(stream),
    namespace: `millrace.${identifier(name)}`,
    fields: fields.map((field) => {
      const type = avroType(field.type);
      return field.optional
        ? { name: field.name, type: ['null', type], default: null }
        : { name: field.name, type };
    }),
  };
}

function identifier(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_');
}

function avroType(type: FieldType): unknown {
  switch (type.kind) {
    case 'string':
    case 'boolean':
    case 'bytes':
      return type.kind;
    case 'int32':
      return 'int';
    case 'int64':
      return 'long';
    case 'float64':
      return 'double';
    case 'decimal':
      return { type: 'bytes', logicalType: 'decimal', precision: type.precision, scale: type.scale };
    case 'timestamp':
      return { type: 'long', logicalType: 'timestamp-micros' };
    case 'date':
      return { type: 'int', logicalType: 'date' };
  }
}

/** Unscaled big-endian two's complement, as the Avro specification has it, as a bigint in memory. */
class DecimalType extends avsc.types.LogicalType {
  protected override _fromValue(value: Buffer): bigint {
    return value.length === 0 ? 0n : BigInt.asIntN(value.length * 8, BigInt(`0x${value.toString('hex')}`));
  }

  protected override _toValue(value: unknown): Buffer | undefined {
    if (typeof value !== 'bigint') return undefined;
    let length = 1;
    while (BigInt.asIntN(length * 8, value) !== value) length += 1;
    return Buffer.from(
      BigInt.asUintN(length * 8, value)
        .toString(16)
        .padStart(length * 2, '0'),
      'hex',
    );
  }

  protected override _resolve(type: Type): unknown {
    // Only the same scale means the same number.
    if (type instanceof DecimalType) return (value: unknown) => value;
    return undefined;
  }
}

/**
 * Timestamps as numbers of microseconds. avsc's own long goes wrong from -2^52 (year 1827) on and refuses 2^53
 * (year 2255), where plants keep sentinels such as 9999-12-31; two 32-bit halves are exact for every double that
 * is an integer, which whole seconds are up to year 9999. Costs about 60 ns more than avsc's own.
 */
const MICROS_LONG: Type = avsc.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readInt32LE(4) * 0x1_0000_0000 + buffer.readUInt32LE(0),
  toBuffer: (value: number) => {
    const buffer = Buffer.allocUnsafe(8);
    const high = Math.floor(value / 0x1_0000_0000);
    buffer.writeInt32LE(high, 4);
    buffer.writeUInt32LE(value - high * 0x1_0000_0000, 0);
    return buffer;
  },
  fromJSON: (value: unknown) => Number(value),
  toJSON: (value: number) => value,
  isValid: (value: unknown) => Number.isInteger(value) && Math.abs(value as number) < 2 ** 63,
  compare: (x: number, y: number) => Math.sign(x - y),
});

/** All 64 bits, as bigint. Used for `long` without a logical type. */
const BIGINT_LONG: Type = avsc.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(value);
    return buffer;
  },
  fromJSON: (value: unknown) => BigInt(value as string | number | bigint),
  toJSON: (value: bigint) => Number(value),
  isValid: (value: unknown) => typeof value === 'bigint' && BigInt.asIntN(64, value) === value,
  compare: (x: bigint, y: bigint) => (x === y ? 0 : x < y ? -1 : 1),
});

/** What `avsc.Type.forSchema` takes beside the schema. */
export type AvroTypeOptions = NonNullable<Parameters<typeof avsc.Type.forSchema>[1]>;

/** Options for the schemas of streams: see the table in `FieldType`. Fresh each time, since avsc writes into them. */
export function streamTypeOptions(): AvroTypeOptions {
  return { logicalTypes: { decimal: DecimalType }, wrapUnions: 'never', typeHook: longTypeOf };
}

/** Options for our own records (`schemas/`): longs are numbers. */
export function ownTypeOptions(): AvroTypeOptions {
  return { wrapUnions: 'never' };
}

/** The in-memory type of a stream's records: see the table in `FieldType`. */
export function streamType(schema: AvroRecordSchema | object): Type {
  return avsc.Type.forSchema(schema as Schema, streamTypeOptions());
}

/** The type of one of our own records (`schemas/`): longs are numbers. */
export function ownType(schema: object): Type {
  return avsc.Type.forSchema(schema as Schema, ownTypeOptions());
}

function longTypeOf(schema: unknown): Type | undefined {
  if (schema === 'long') return BIGINT_LONG;
  if (typeof schema !== 'object' || schema === null || !('type' in schema) || schema.type !== 'long')
    return undefined;
  return 'logicalType' in schema && schema.logicalType === 'timestamp-micros' ? MICROS_LONG : BIGINT_LONG;
}
