import { describe, expect, it } from 'vitest';
import { hash96, murmur2, partitionFor } from './hash.ts';

describe('murmur2', () => {
  // Vectors of org.apache.kafka.common.utils.UtilsTest#testMurmur2.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('hashes %s as the Java client does', (text, expected) => {
    expect(murmur2(Buffer.from(text))).toBe(expected);
  });

  it('takes the positive part for the partition, as the Java client does', () => {
    expect(partitionFor(Buffer.from('21'), 8)).toBe((-973932308 & 0x7fffffff) % 8);
  });
});

describe('hash96', () => {
  // Made with the mmh3 package for Python: hash_bytes(text, 0x2f0b4f7d, x64arch=False).
  it.each([
    ['', [0xaf2ac058, 0x3753231d, 0x3753231d]],
    ['abc', [0x853e60, 0xdca0b7b1, 0xdca0b7b1]],
    ['0123456789abcde', [0x4ccb8322, 0x9e0f6162, 0x61f1f07a]],
    ['0123456789abcdef', [0x6a41ea42, 0xfec7c747, 0xd38d0e75]],
    ['0123456789abcdefg', [0xe33c222, 0x699c5790, 0xf934a86d]],
    ['Ofen 3|2026-01-01T00:00:00.000000Z', [0x2f3ed81c, 0xbd41ec8c, 0x4f8b465a]],
    ['ÄÖÜ'.repeat(11), [0xedf13176, 0xf8354048, 0x162670f6]],
  ])('agrees with the reference for %j', (text, lanes) => {
    const bytes = Buffer.from(text);
    const out = new Uint32Array(4);
    hash96(bytes, bytes.length, out, 1);
    expect([...out]).toEqual([0, ...lanes]);
  });

  it('reads only the given length of a reused buffer', () => {
    const short = new Uint32Array(3);
    const long = new Uint32Array(3);
    hash96(Buffer.from('abc'), 3, short, 0);
    hash96(Buffer.from('abcdefgh'), 3, long, 0);
    expect([...long]).toEqual([...short]);
  });
});
