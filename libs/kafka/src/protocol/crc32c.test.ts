import fc from 'fast-check';
import { expect, test } from 'vitest';
import { loadKafkajs } from '../internals.ts';
import { crc32c } from './crc32c.ts';

test('gives the check value of the specification (RFC 3720, B.4)', () => {
  expect(crc32c(Buffer.from('123456789'), 0, 9)).toBe(0xe3069283);
  expect(crc32c(Buffer.alloc(32), 0, 32)).toBe(0x8a9136aa);
});

test('agrees with the stock implementation for any bytes and any part of them', () => {
  const stock = loadKafkajs('src/protocol/recordBatch/crc32C/index.js') as (bytes: Buffer) => number;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), (bytes, skipped) => {
      const start = Math.min(skipped, bytes.length);
      expect(crc32c(bytes, start, bytes.length)).toBe(stock(Buffer.from(bytes.subarray(start))) >>> 0);
    }),
  );
});
