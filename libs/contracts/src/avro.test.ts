import type { FieldDef } from '@millrace/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { streamSchema, streamType } from './avro.ts';
import { joinKey } from './record-key.ts';

const FIELDS: readonly FieldDef[] = [
  { name: 'text', type: { kind: 'string' }, optional: false },
  { name: 'flag', type: { kind: 'boolean' }, optional: true },
  { name: 'small', type: { kind: 'int32' }, optional: true },
  { name: 'big', type: { kind: 'int64' }, optional: true },
  { name: 'real', type: { kind: 'float64' }, optional: true },
  { name: 'money', type: { kind: 'decimal', precision: 38, scale: 6 }, optional: true },
  { name: 'at', type: { kind: 'timestamp' }, optional: true },
  { name: 'day', type: { kind: 'date' }, optional: true },
  { name: 'raw', type: { kind: 'bytes' }, optional: true },
];

/** 9999-12-31T00:00:00Z and 0001-01-01T00:00:00Z in µs: beyond 2^53, yet exact as doubles. */
const NOT_A_DATE_YET = 253_402_214_400_000_000;
const YEAR_ONE = -62_135_596_800_000_000;

describe('stream types', () => {
  it('read what an older writer without the newer fields wrote', () => {
    const writer = streamType(streamSchema({ name: 'p', generation: 1 }, 'clean', FIELDS.slice(0, 7)));
    const reader = streamType(streamSchema({ name: 'p', generation: 1 }, 'clean', FIELDS));
    const value = {
      text: 'x',
      flag: true,
      small: 1,
      big: 2n ** 62n,
      real: 1.5,
      money: -7n,
      at: NOT_A_DATE_YET,
    };
    const read = reader.fromBuffer(writer.toBuffer(value), reader.createResolver(writer));
    expect({ ...read }).toEqual({ ...value, day: null, raw: null });
  });

  it('carry every type exactly, extremes included', () => {
    const type = streamType(streamSchema({ name: 'plant-a', generation: 1 }, 'raw', FIELDS));
    const nullable = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
    fc.assert(
      fc.property(
        fc.record({
          text: fc.string({ unit: 'grapheme' }),
          flag: nullable(fc.boolean()),
          small: nullable(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
          big: nullable(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
          real: nullable(fc.double()),
          money: nullable(fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n })),
          at: nullable(
            fc.oneof(fc.maxSafeInteger(), fc.constantFrom(NOT_A_DATE_YET, YEAR_ONE, -(2 ** 52) - 1)),
          ),
          day: nullable(fc.integer({ min: -1_000_000, max: 1_000_000 })),
          raw: nullable(fc.uint8Array().map((bytes) => Buffer.from(bytes))),
        }),
        (value) => {
          expect({ ...type.fromBuffer(type.toBuffer(value)) }).toEqual(value);
        },
      ),
    );
  });

  it('have standard Avro schemas that any client reads', () => {
    expect(streamSchema({ name: 'plant-a', generation: 1 }, 'raw', FIELDS.slice(5, 7))).toEqual({
      type: 'record',
      name: 'raw',
      namespace: 'millrace.plant_a',
      fields: [
        {
          name: 'money',
          type: ['null', { type: 'bytes', logicalType: 'decimal', precision: 38, scale: 6 }],
          default: null,
        },
        { name: 'at', type: ['null', { type: 'long', logicalType: 'timestamp-micros' }], default: null },
      ],
    });
  });
});

describe('record key', () => {
  it('never makes the same key of different fields', () => {
    const part = fc.string({ unit: fc.constantFrom('|', '\\', 'a') });
    fc.assert(
      fc.property(fc.tuple(part, part), fc.tuple(part, part), (x, y) => {
        expect(joinKey(x) === joinKey(y)).toBe(x[0] === y[0] && x[1] === y[1]);
      }),
    );
  });
});
