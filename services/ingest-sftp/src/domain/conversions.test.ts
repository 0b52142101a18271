import type { FieldType } from '@millrace/core';
import fc from 'fast-check';
import { DateTime } from 'luxon';
import { describe, expect, test } from 'vitest';
import { csvFormat } from '../testing/fixtures.ts';
import { conversionFor } from './conversions.ts';
import { isoTimestamp } from './record-key.ts';
import { dateParser, timestampParser } from './timestamps.ts';

const convert = (type: FieldType, text: string, format = csvFormat()): unknown =>
  conversionFor(type, format).convert(text);
const german = csvFormat({ decimal: ',', thousands: '.' });

describe('numbers', () => {
  test.each<[FieldType, string, unknown]>([
    [{ kind: 'int32' }, ' 2147483647 ', 2147483647],
    [{ kind: 'int32' }, '2147483648', undefined],
    [{ kind: 'int32' }, '1.0', undefined],
    [{ kind: 'int32' }, '0x10', undefined],
    [{ kind: 'int64' }, '9223372036854775807', 9223372036854775807n],
    [{ kind: 'int64' }, '-9223372036854775809', undefined],
    [{ kind: 'float64' }, '1e3', 1000],
    [{ kind: 'float64' }, '1e999', undefined],
    [{ kind: 'float64' }, 'NaN', undefined],
    [{ kind: 'float64' }, 'Infinity', undefined],
    [{ kind: 'float64' }, '', undefined],
    [{ kind: 'decimal', precision: 5, scale: 2 }, '-123.40', -12340n],
    [{ kind: 'decimal', precision: 5, scale: 2 }, '1.200', 120n],
    [{ kind: 'decimal', precision: 5, scale: 2 }, '1.234', undefined],
    [{ kind: 'decimal', precision: 5, scale: 2 }, '1234.5', undefined],
    [{ kind: 'decimal', precision: 5, scale: 2 }, '.', undefined],
    [{ kind: 'boolean' }, 'Yes', true],
    [{ kind: 'boolean' }, '2', undefined],
    [{ kind: 'bytes' }, '0xC0FE', Buffer.from('c0fe', 'hex')],
    [{ kind: 'bytes' }, 'abc', undefined],
  ])('%j of "%s"', (type, text, expected) => {
    expect(convert(type, text)).toEqual(expected);
  });

  test('with a decimal comma and thousands', () => {
    expect(convert({ kind: 'float64' }, '-1.234.567,5', german)).toBe(-1234567.5);
    expect(convert({ kind: 'float64' }, '1.5', german)).toBeUndefined();
    expect(convert({ kind: 'float64' }, '1.5', csvFormat({ decimal: ',' }))).toBeUndefined();
    expect(convert({ kind: 'int32' }, '12.345', german)).toBe(12345);
  });

  test('come back as they went', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(convert({ kind: 'float64' }, String(value))).toBe(Object.is(value, -0) ? 0 : value);
      }),
    );
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 18n) + 1n, max: 10n ** 18n - 1n }),
        fc.integer({ min: 0, max: 18 }),
        (value, scale) => {
          const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
          const point = digits.length - scale;
          const text = `${value < 0n ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
          expect(convert({ kind: 'decimal', precision: 18, scale }, text)).toBe(value);
          expect(convert({ kind: 'int64' }, String(value))).toBe(value);
        },
      ),
    );
  });
});

const instant = fc.integer({ min: Date.UTC(1900, 0, 1), max: Date.UTC(2200, 0, 1) });
const zones = fc.constantFrom(
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'America/Sao_Paulo',
);

describe('timestamps', () => {
  test('in ISO come back with their microseconds', () => {
    const parse = timestampParser('iso', 'UTC');
    const print = isoTimestamp();
    fc.assert(
      fc.property(instant, fc.integer({ min: 0, max: 999 }), (ms, beyond) => {
        const micros = ms * 1_000 + beyond;
        expect(parse(print(micros))).toBe(micros);
      }),
    );
  });

  test.each([
    'yyyy-MM-dd HH:mm:ss',
    'dd.MM.yyyy HH:mm:ss',
    'dd/MM/yyyy HH:mm',
    'yyyyMMddHHmmssSSS',
    "yyyy-MM-dd'T'HH:mm:ss.SSS",
    'd.M.yyyy H:mm:ss',
    'dd LLL yyyy hh:mm:ss a',
  ])('of the format %s mean in every zone what Luxon says', (format) => {
    fc.assert(
      fc.property(instant, zones, (ms, zone) => {
        const local = DateTime.fromMillis(ms, { zone });
        const text = local.toFormat(format, { locale: 'en' });
        const expected = DateTime.fromFormat(text, format, { zone, locale: 'en' });
        const [first] = expected.getPossibleOffsets();
        expect(timestampParser(format, zone)(text)).toBe((first ?? expected).toMillis() * 1_000);
      }),
      { numRuns: 60 },
    );
  });

  test('that are no times are refused as Luxon refuses them', () => {
    const parse = timestampParser('yyyy-MM-dd HH:mm:ss', 'UTC');
    fc.assert(
      fc.property(fc.stringMatching(/^(19|20)\d\d-[01]\d-[0-3]\d [012]\d:[0-6]\d:[0-6]\d$/), (text) => {
        const luxon = DateTime.fromFormat(text, 'yyyy-MM-dd HH:mm:ss', { zone: 'utc' });
        expect(parse(text)).toBe(luxon.isValid ? luxon.toMillis() * 1_000 : undefined);
      }),
    );
  });

  test('without a zone: a skipped time is none, a repeated one means its first pass', () => {
    const berlin = timestampParser('yyyy-MM-dd HH:mm:ss', 'Europe/Berlin');
    expect(berlin('2026-03-29 02:30:00')).toBeUndefined();
    expect(berlin('2026-03-29 03:30:00')).toBe(Date.UTC(2026, 2, 29, 1, 30) * 1_000);
    expect(berlin('2026-10-25 02:30:00')).toBe(Date.UTC(2026, 9, 25, 0, 30) * 1_000);
    expect(timestampParser('iso', 'Europe/Berlin')('2026-03-29T02:30:00')).toBeUndefined();
  });

  test.each([
    ['2026-03-01T12:00:00Z', Date.UTC(2026, 2, 1, 12) * 1_000],
    ['2026-03-01T12:00:00.1234567+01:00', Date.UTC(2026, 2, 1, 11) * 1_000 + 123_456],
    ['20260301T120000.123456Z', Date.UTC(2026, 2, 1, 12) * 1_000 + 123_456],
    ['2026-03-01', Date.UTC(2026, 2, 1) * 1_000],
    ['9999-12-31T23:59:59Z', Date.UTC(9999, 11, 31, 23, 59, 59) * 1_000],
    ['2026-02-29T12:00:00Z', undefined],
    ['yesterday', undefined],
    ['2026-03-01T12:00:00.Z', undefined],
  ])('ISO %s', (text, expected) => {
    expect(timestampParser('iso', 'UTC')(text)).toBe(expected);
  });

  test('in epochs are exact', () => {
    expect(timestampParser('epoch-seconds', 'UTC')('1700000000.123456')).toBe(1_700_000_000_123_456);
    expect(timestampParser('epoch-millis', 'UTC')('-1')).toBe(-1_000);
    expect(timestampParser('epoch-micros', 'UTC')('12345678901234567')).toBeUndefined();
  });

  test('dates are days', () => {
    expect(dateParser('iso')('1970-01-02')).toBe(1);
    expect(dateParser('dd.MM.yyyy')('31.12.1969')).toBe(-1);
    expect(dateParser('d LLL yyyy')('2 Jan 1970')).toBe(1);
    expect(dateParser('iso')('1970-02-30')).toBeUndefined();
  });
});
