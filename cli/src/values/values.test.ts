import { MillraceError } from '@millrace/core';
import avsc, { type Schema } from 'avsc';
import { describe, expect, test } from 'vitest';
import { Day, Decimal, exactTypeOptions, Instant } from './exact.ts';
import { toCelValue, toJsonText, toLineText } from './render.ts';
import { compileWhere, type Subject } from './where.ts';

describe('exact values', () => {
  test('instants to the microsecond, also before 1970', () => {
    expect(new Instant(1_700_000_000_123_456n).toString()).toBe('2023-11-14T22:13:20.123456Z');
    expect(new Instant(1_700_000_000_000_000n).toString()).toBe('2023-11-14T22:13:20.000Z');
    expect(new Instant(-1n).toString()).toBe('1969-12-31T23:59:59.999999Z');
    expect(new Instant(2n ** 63n - 1n).toString()).toBe('9223372036854775807 µs');
  });

  test('decimals keep scale and sign', () => {
    expect(new Decimal(-5n, 2).toString()).toBe('-0.05');
    expect(new Decimal(12_345n, 2).toString()).toBe('123.45');
    expect(new Decimal(7n, 0).toString()).toBe('7');
  });

  test('a record goes through Avro without loss', () => {
    const schema = {
      type: 'record',
      name: 'R',
      fields: [
        { name: 'big', type: 'long' },
        { name: 'at', type: { type: 'long', logicalType: 'timestamp-micros' } },
        { name: 'day', type: { type: 'int', logicalType: 'date' } },
        { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 20, scale: 3 } },
        { name: 'maybe', type: ['null', { type: 'long', logicalType: 'timestamp-millis' }] },
        { name: 'raw', type: 'bytes' },
      ],
    };
    const type = avsc.Type.forSchema(schema as Schema, exactTypeOptions());
    const value = {
      big: 9_007_199_254_740_993n,
      at: new Instant(1_700_000_000_123_456n),
      day: new Day(19_675),
      price: new Decimal(-1_234_567_890_123_456_789n, 3),
      maybe: new Instant(1_700_000_000_000_000n),
      raw: Buffer.from([0, 255]),
    };
    const read: unknown = type.fromBuffer(type.toBuffer(value));
    expect(toJsonText(read)).toBe(
      '{"big":9007199254740993,"at":"2023-11-14T22:13:20.123456Z","day":"2023-11-14",' +
        '"price":"-1234567890123456.789","maybe":"2023-11-14T22:13:20.000Z","raw":"0x00ff"}',
    );
  });
});

describe('rendering', () => {
  test('one line for people', () => {
    expect(toLineText({ tag: 'T1', text: 'two words', n: null, list: [1, 'a'], in: { x: 1n, y: 'z' } })).toBe(
      'tag=T1 text="two words" n=null list=[1,"a"] in={x=1 y=z}',
    );
  });

  test('indented JSON', () => {
    expect(toJsonText({ a: [1n], b: {} }, 2)).toBe('{\n  "a": [\n    1\n  ],\n  "b": {}\n}');
    expect(toJsonText({ a: Number.NaN, b: undefined })).toBe('{"a":"NaN"}');
  });

  test('CEL gets timestamps and numbers', () => {
    expect(toCelValue({ at: new Instant(1_000n), d: new Decimal(15n, 1) })).toEqual({
      at: new Date(1),
      d: 1.5,
    });
  });
});

const SUBJECT: Subject = {
  topic: 'a.clean',
  partition: 1,
  offset: 7n,
  timestamp: new Date(0),
  key: 'T1',
  load: '0123456789abcdef',
  row: 12n,
  attempt: 1n,
  value: { tagName: 'T1', value: 3.5 },
};

describe('where', () => {
  test('names fields, the place and the mark', () => {
    expect(compileWhere('tagName == "T1" && value > 3 && record.value.value < 4.0')(SUBJECT)).toBe(true);
    expect(compileWhere('row > 12 || record.offset < 7')(SUBJECT)).toBe(false);
    expect(compileWhere('timestamp < timestamp("2020-01-01T00:00:00Z")')(SUBJECT)).toBe(true);
  });

  test('a record without the field does not match', () => {
    expect(compileWhere('other == 1')(SUBJECT)).toBe(false);
  });

  test('a mistake is shown with its column', () => {
    expect(() => compileWhere('tagName = "T1"')).toThrow(/column 9: .*\n {2}tagName = "T1"\n {10}\^/);
    expect(() => compileWhere('"abc"')).toThrow('it gives string, not true or false');
    try {
      compileWhere('a &&');
      expect.unreachable();
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(MillraceError);
      expect((thrown as MillraceError).kind).toBe('config');
    }
  });
});
