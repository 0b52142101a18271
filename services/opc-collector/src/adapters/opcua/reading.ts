import type { RecordValue } from '@millrace/core';
import { DataType, type DataValue, type Variant, VariantArrayType } from 'node-opcua-client';

/** A tag as a session knows it. */
export interface Tag {
  readonly tag: string;
  /** `nsu=…;s=…`. */
  readonly nodeId: string;
  readonly sensor: string;
  readonly unit: string | null;
}

/** Years 1 to 9999, as a record's timestamp can be. */
const MICROS_MIN = -62_135_596_800_000_000;
const MICROS_END = 253_402_300_800_000_000;

/** Fills `record` (which is used again) with one reading. */
export function fillReading(
  record: RecordValue,
  server: string,
  tag: Tag,
  data: DataValue,
  arrivedMs: number,
  backfilled: boolean,
): void {
  const status = data.statusCode.value >>> 0;
  const sourceTime = micros(data.sourceTimestamp, data.sourcePicoseconds);
  const serverTime = micros(data.serverTimestamp, data.serverPicoseconds);
  record.tag = tag.tag;
  record.nodeId = tag.nodeId;
  record.clientId = server;
  record.sensor = tag.sensor;
  record.time = sourceTime ?? serverTime ?? arrivedMs * 1000;
  record.sourceTime = sourceTime;
  record.serverTime = serverTime;
  record.value = null;
  record.valueLong = null;
  record.valueBoolean = null;
  record.valueText = null;
  record.valueBytes = null;
  fillValue(record, data.value);
  record.statusCode = BigInt(status);
  record.quality = qualityOf(status);
  record.unit = tag.unit;
  record.backfilled = backfilled;
}

/** OPC UA Part 4, 7.39: bits 30 and 31 are the severity. */
export function qualityOf(status: number): 'good' | 'uncertain' | 'bad' {
  const severity = status >>> 30;
  return severity === 0 ? 'good' : severity === 1 ? 'uncertain' : 'bad';
}

/** Date holds milliseconds; node-opcua keeps what is finer beside it, in picoseconds. */
function micros(date: Date | null | undefined, picoseconds: number | undefined): number | null {
  if (!date) return null;
  const value = date.getTime() * 1000 + Math.floor((picoseconds ?? 0) / 1_000_000);
  return value >= MICROS_MIN && value < MICROS_END ? value : null;
}

function fillValue(record: RecordValue, variant: Variant): void {
  const { dataType, arrayType, value } = variant;
  if (dataType === DataType.Null || value === null || value === undefined) return;
  if (arrayType !== VariantArrayType.Scalar) {
    record.valueText = jsonOf(
      arrayType === VariantArrayType.Matrix ? matrix(variant) : plainList(dataType, value),
    );
    return;
  }
  switch (dataType) {
    case DataType.Float:
    case DataType.Double:
      // NaN and infinities are what the server says; sinks decide whether they can hold them.
      record.value = value;
      return;
    case DataType.Boolean:
      record.valueBoolean = value;
      return;
    case DataType.SByte:
    case DataType.Byte:
    case DataType.Int16:
    case DataType.UInt16:
    case DataType.Int32:
    case DataType.UInt32:
      record.value = value;
      record.valueLong = BigInt(value);
      return;
    case DataType.Int64:
    case DataType.UInt64:
      fillLong(record, long(dataType, value));
      return;
    case DataType.ByteString:
      record.valueBytes = value;
      return;
    default: {
      const plain = plainOf(dataType, value);
      record.valueText = typeof plain === 'string' ? plain : jsonOf(plain);
    }
  }
}

function fillLong(record: RecordValue, value: bigint): void {
  if (BigInt.asIntN(64, value) === value) record.valueLong = value;
  else record.valueText = String(value);
  const double = Number(value);
  if (BigInt(double) === value) record.value = double;
}

/** node-opcua carries 64 bits as [high, low] words. */
function long(dataType: DataType, [high, low]: readonly [number, number]): bigint {
  const bits = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  return dataType === DataType.Int64 ? BigInt.asIntN(64, bits) : bits;
}

function plainList(dataType: DataType, values: ArrayLike<unknown>): unknown[] {
  return Array.from(values, (value) => plainOf(dataType, value));
}

function matrix(variant: Variant): unknown {
  return { dimensions: variant.dimensions, values: plainList(variant.dataType, variant.value) };
}

function plainOf(dataType: DataType, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  switch (dataType) {
    case DataType.Int64:
    case DataType.UInt64:
      return long(dataType, value as [number, number]);
    case DataType.DateTime:
      return (value as Date).toISOString();
    case DataType.ByteString:
      return (value as Buffer).toString('base64');
    case DataType.LocalizedText:
      return (value as { text?: string | null }).text ?? null;
    case DataType.QualifiedName:
    case DataType.NodeId:
    case DataType.ExpandedNodeId:
    case DataType.StatusCode:
      return String(value);
    case DataType.Variant: {
      const inner = value as Variant;
      return inner.arrayType === VariantArrayType.Scalar
        ? plainOf(inner.dataType, inner.value)
        : plainList(inner.dataType, inner.value);
    }
    default:
      return value;
  }
}

/** 64-bit numbers stand in JSON with all their digits; NaN and infinities as texts. */
function jsonOf(value: unknown): string {
  const longs: string[] = [];
  const text = JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === 'bigint') {
      longs.push(String(item));
      return `\u0000${longs.length - 1}\u0000`;
    }
    if (typeof item === 'number' && !Number.isFinite(item)) return String(item);
    return item;
  });
  return longs.length === 0
    ? text
    : text.replace(/"\\u0000(\d+)\\u0000"/g, (_all, index: string) => longs[Number(index)] ?? 'null');
}
