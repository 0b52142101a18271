import type { RecordValue } from '@millrace/core';
import { DataType, DataValue, StatusCodes, Variant, VariantArrayType } from 'node-opcua-client';
import { expect, test } from 'vitest';
import { fillReading, qualityOf } from './reading.ts';

const TAG = { tag: 't', nodeId: 'nsu=u;s=t', sensor: 's', unit: null };

function read(dataType: DataType, value: unknown, arrayType = VariantArrayType.Scalar): RecordValue {
  const record: RecordValue = {};
  const variant = new Variant({ dataType, arrayType, value });
  const data = new DataValue({
    value: variant,
    statusCode: StatusCodes.Good,
    sourceTimestamp: new Date(1_700_000_000_123),
    sourcePicoseconds: 456_700_000,
  });
  fillReading(record, 'c', TAG, data, 5, false);
  return record;
}

/** The value fields that are set. */
function values(record: RecordValue): RecordValue {
  return Object.fromEntries(
    Object.entries(record).filter(([name, value]) => name.startsWith('value') && value !== null),
  );
}

test.each<[DataType, unknown, RecordValue]>([
  [DataType.Double, 1.5, { value: 1.5 }],
  [DataType.Float, 0.5, { value: 0.5 }],
  [DataType.Double, Number.NaN, { value: Number.NaN }],
  [DataType.Boolean, false, { valueBoolean: false }],
  [DataType.SByte, -128, { value: -128, valueLong: -128n }],
  [DataType.UInt32, 4_294_967_295, { value: 4_294_967_295, valueLong: 4_294_967_295n }],
  [DataType.Int64, [0x80000000, 0], { value: -(2 ** 63), valueLong: -(2n ** 63n) }],
  [DataType.Int64, [0x200000, 1], { valueLong: 2n ** 53n + 1n }],
  [DataType.Int64, [0xffffffff, 0xffffffff], { value: -1, valueLong: -1n }],
  [DataType.UInt64, [0xffffffff, 0xffffffff], { valueText: '18446744073709551615' }],
  [DataType.String, 'ä', { valueText: 'ä' }],
  [DataType.String, null, {}],
  [DataType.ByteString, Buffer.from([1, 2]), { valueBytes: Buffer.from([1, 2]) }],
  [DataType.DateTime, new Date(0), { valueText: '1970-01-01T00:00:00.000Z' }],
  [DataType.LocalizedText, { text: 'warm', locale: 'en' }, { valueText: 'warm' }],
])('%s %j is told exactly', (dataType, value, expected) => {
  expect(values(read(dataType, value))).toEqual(expected);
});

test('arrays are JSON, with every digit of 64 bits', () => {
  const longs = [
    [0x7fffffff, 0xffffffff],
    [0, 7],
  ];
  expect(values(read(DataType.Int64, longs, VariantArrayType.Array))).toEqual({
    valueText: '[9223372036854775807,7]',
  });
  expect(values(read(DataType.Double, new Float64Array([0.5, Number.NaN]), VariantArrayType.Array))).toEqual({
    valueText: '[0.5,"NaN"]',
  });
});

test('times keep microseconds; without one the arrival stands in', () => {
  const record = read(DataType.Double, 1);
  expect([record.time, record.sourceTime]).toEqual([1_700_000_000_123_456, 1_700_000_000_123_456]);
  fillReading(
    record,
    'c',
    TAG,
    new DataValue({ value: new Variant({ dataType: DataType.Double, value: 1 }) }),
    5,
    false,
  );
  expect(record.sourceTime).toBeNull();
});

test('quality is the severity of the status', () => {
  expect([0, 0x40000000, 0x80340000].map(qualityOf)).toEqual(['good', 'uncertain', 'bad']);
});
