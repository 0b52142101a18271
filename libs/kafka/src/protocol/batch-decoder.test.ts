import { gzipSync, zstdCompressSync } from 'node:zlib';
import { compressFrameSync } from 'lz4-napi';
import { compressSync } from 'snappy';
import { describe, expect, test } from 'vitest';
import { logBatch, sealed } from '../../test/support/batches.ts';
import { loadKafkajs } from '../internals.ts';
import { BATCH_HEADER_BYTES, BatchRecords, offsetAfter, readBatchHeader } from './batch-decoder.ts';
import { Codec } from './compression.ts';
import type { DecodedRecord } from './record.ts';

const Decoder = loadKafkajs('src/protocol/decoder.js') as new (bytes: Buffer) => object;
const stockDecode = loadKafkajs('src/protocol/recordBatch/v0/decoder.js') as (decoder: object) => Promise<{
  records: {
    offset: string;
    timestamp: string;
    key: Buffer;
    value: Buffer;
    headers: Record<string, Buffer>;
  }[];
}>;

const RECORDS = Array.from({ length: 300 }, (_, i) => ({
  key: i % 7 === 0 ? null : `key-${i}`,
  value: i % 11 === 0 ? null : `value ${i} `.repeat(i % 30),
  headers: i % 3 === 0 ? [['m', `load:${i}`] as const, ['trace', 'ü'] as const] : [],
}));

describe('decoding', () => {
  test('finds what the stock decoder finds', async () => {
    const bytes = logBatch({ baseOffset: 5_000_000_000, records: RECORDS });
    const { records } = await stockDecode(new Decoder(bytes));
    const ours = decodeAll(bytes);
    expect(ours).toHaveLength(records.length);
    for (const [i, stock] of records.entries()) {
      const record = ours[i];
      expect(record?.offset).toBe(Number(stock.offset));
      expect(record?.timestamp).toBe(Number(stock.timestamp));
      expect(record?.key).toEqual(stock.key);
      expect(record?.value).toEqual(stock.value);
      expect(Object.fromEntries(record?.headers() ?? [])).toEqual(stock.headers);
    }
  });

  test('a header is found by its name alone', () => {
    const [first, second] = decodeAll(logBatch({ baseOffset: 0, records: RECORDS }));
    expect(first?.header('m')?.toString()).toBe('load:0');
    expect(first?.header('trace')?.toString()).toBe('ü');
    expect(first?.header('t')).toBeUndefined();
    expect(second?.header('m')).toBeUndefined();
  });

  test('any single flipped bit behind the length is noticed', () => {
    const bytes = logBatch({ baseOffset: 0, records: RECORDS.slice(0, 3) });
    for (let at = 16; at < bytes.length; at += 1) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
      expect(() => readBatchHeader(damaged, 0)).toThrowError(
        expect.objectContaining({ code: 'MR-KAFKA-DAMAGED-BATCH' }),
      );
    }
  });

  test('a batch that is cut off anywhere is left for the next fetch', () => {
    const whole = logBatch({ baseOffset: 10, records: RECORDS.slice(0, 4) });
    for (let length = 0; length < whole.length; length += 1) {
      expect(readBatchHeader(whole.subarray(0, length), 0)).toBeNull();
      expect(offsetAfter(whole.subarray(0, length))).toBe(-1);
    }
    expect(offsetAfter(whole)).toBe(14);
  });
});

describe('codecs', () => {
  // 16 bytes of magic and versions, then length-prefixed blocks, as snappy-java writes them.
  const xerial = (raw: Buffer): Buffer => {
    const half = raw.length >> 1;
    const block = (part: Buffer): Buffer => {
      const packed = compressSync(part);
      const length = Buffer.alloc(4);
      length.writeInt32BE(packed.length);
      return Buffer.concat([length, packed]);
    };
    const head = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
    return Buffer.concat([head, block(raw.subarray(0, half)), block(raw.subarray(half))]);
  };
  const codecs: [string, number, (raw: Buffer) => Buffer][] = [
    ['gzip', Codec.gzip, (raw) => gzipSync(raw)],
    ['snappy in xerial framing', Codec.snappy, xerial],
    ['raw snappy', Codec.snappy, (raw) => compressSync(raw)],
    ['lz4', Codec.lz4, (raw) => compressFrameSync(raw)],
    ['zstd', Codec.zstd, (raw) => zstdCompressSync(raw)],
  ];

  test.each(codecs)('%s is read', (_, codec, pack) => {
    const plain = logBatch({ baseOffset: 42, records: RECORDS });
    const ours = decodeAll(packed(plain, codec, pack(plain.subarray(BATCH_HEADER_BYTES))));
    expect(ours.map((r) => [r.offset, r.key, r.value, r.headers()])).toEqual(
      decodeAll(plain).map((r) => [r.offset, r.key, r.value, r.headers()]),
    );
  });

  const bomb = Buffer.alloc(80 << 20);
  test.each(codecs)('%s does not expand without bound', (_, codec, pack) => {
    const small = packed(logBatch({ baseOffset: 0, records: [{}] }), codec, pack(bomb));
    expect(small.length).toBeLessThan(8 << 20);
    expect(() => decodeAll(small)).toThrowError(expect.objectContaining({ kind: 'halt' }));
  });

  test('damaged compressed bytes are transient, as damage in transit is', () => {
    const plain = logBatch({ baseOffset: 0, records: RECORDS });
    const bytes = packed(
      plain,
      Codec.zstd,
      zstdCompressSync(plain.subarray(BATCH_HEADER_BYTES)).subarray(0, 50),
    );
    expect(() => decodeAll(bytes)).toThrowError(expect.objectContaining({ code: 'MR-KAFKA-DAMAGED-BATCH' }));
  });
});

function packed(plain: Buffer, codec: number, body: Buffer): Buffer {
  const bytes = Buffer.concat([plain.subarray(0, BATCH_HEADER_BYTES), body]);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeInt16BE(bytes.readInt16BE(21) | codec, 21);
  return sealed(bytes);
}

function decodeAll(bytes: Buffer): DecodedRecord[] {
  const header = readBatchHeader(bytes, 0);
  const out: DecodedRecord[] = [];
  if (header) new BatchRecords(bytes, header).take(out, 1_000_000, 0);
  return out;
}
