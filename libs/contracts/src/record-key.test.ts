import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fieldText, joinKey } from './record-key.ts';

describe('joinKey', () => {
  it('makes different keys of different fields, null included', () => {
    const parts = fc.array(fc.option(fc.string({ unit: fc.constantFrom('|', '\\', 'N', 'a', '') })), {
      minLength: 2,
      maxLength: 2,
    });
    fc.assert(
      fc.property(parts, parts, (x, y) => {
        expect(joinKey(x) === joinKey(y)).toBe(JSON.stringify(x) === JSON.stringify(y));
      }),
    );
  });

  it('leaves plain text readable', () => {
    expect(joinKey(['FIC-101', '2026-01-01T00:00:00.000000Z'])).toBe('FIC-101|2026-01-01T00:00:00.000000Z');
    expect(joinKey(['a|b'])).toBe('a\\|b');
    expect(joinKey([null])).toBe('\\N');
  });
});

describe('fieldText', () => {
  it('writes timestamps as Date does, with three more digits', () => {
    fc.assert(
      fc.property(fc.array(fc.maxSafeInteger()), (all) => {
        for (const micros of all) {
          const millis = Math.floor(micros / 1000);
          const rest = String(micros - millis * 1000).padStart(3, '0');
          const text = new Date(millis).toISOString().replace('Z', `${rest}Z`);
          expect(fieldText({ kind: 'timestamp' }, micros)).toBe(text);
        }
      }),
    );
  });

  it('writes each type in its one form', () => {
    expect(fieldText({ kind: 'timestamp' }, 1_700_000_000_123_456)).toBe('2023-11-14T22:13:20.123456Z');
    expect(fieldText({ kind: 'timestamp' }, -1)).toBe('1969-12-31T23:59:59.999999Z');
    expect(fieldText({ kind: 'timestamp' }, 1_000_007)).toBe('1970-01-01T00:00:01.000007Z');
    expect(fieldText({ kind: 'date' }, -1)).toBe('1969-12-31');
    expect(fieldText({ kind: 'date' }, 2_000_000_000)).toBe('2000000000d');
    expect(fieldText({ kind: 'decimal', precision: 9, scale: 3 }, -1234n)).toBe('-1.234');
    expect(fieldText({ kind: 'decimal', precision: 9, scale: 3 }, 5n)).toBe('0.005');
    expect(fieldText({ kind: 'decimal', precision: 9, scale: 0 }, -5n)).toBe('-5');
    expect(fieldText({ kind: 'bytes' }, Buffer.from([0, 255]))).toBe('00ff');
    expect(fieldText({ kind: 'int64' }, -9_223_372_036_854_775_808n)).toBe('-9223372036854775808');
    expect(fieldText({ kind: 'float64' }, 0.1)).toBe('0.1');
    expect(fieldText({ kind: 'boolean' }, false)).toBe('false');
    expect(fieldText({ kind: 'string' }, '')).toBe('');
    expect(fieldText({ kind: 'string' }, null)).toBeNull();
  });
});
