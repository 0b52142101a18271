import { MillraceError } from '@millrace/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type KafkajsEncoder, loadKafkajs } from '../internals.ts';
import { LIMITS } from '../limits.ts';
import { BatchRecords, readBatchHeader } from './batch-decoder.ts';
import { BatchEncoder, type HeaderInput } from './batch-encoder.ts';
import type { DecodedRecord } from './record.ts';

const { RecordBatch } = loadKafkajs('src/protocol/recordBatch/v0/index.js') as {
  RecordBatch(options: object): Promise<KafkajsEncoder>;
};
const stockRecord = loadKafkajs('src/protocol/recordBatch/record/v0/index.js') as (record: object) => unknown;

const content = fc.option(fc.uint8Array({ maxLength: 200 }).map((b) => Buffer.from(b)));
const headerName = fc.string({ unit: 'binary', maxLength: 60 });
const record = fc.record({
  key: fc.oneof(content, fc.string({ unit: 'binary', maxLength: 60 })),
  value: content,
  headers: fc.uniqueArray(fc.tuple(headerName, fc.string({ maxLength: 60 })), { selector: ([name]) => name }),
  delta: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
});
const stamp = fc.record({
  producerId: fc.bigInt({ min: -1n, max: 2n ** 62n }),
  epoch: fc.integer({ min: -1, max: 32_767 }),
  sequence: fc.integer({ min: -1, max: 0x7fffffff }),
  isTransactional: fc.boolean(),
});

test('writes the same bytes as the stock encoder', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 30 }), stamp, async (records, by) => {
      const now = 1_790_000_000_000;
      const encoder = new BatchEncoder();
      for (const r of records) encoder.add(now, r.key, r.value, r.headers);
      const stock = await RecordBatch({
        records: records.map(({ key, value, headers }, offsetDelta) =>
          stockRecord({ key, value, offsetDelta, timestampDelta: 0, headers: Object.fromEntries(headers) }),
        ),
        firstTimestamp: now,
        maxTimestamp: now,
        lastOffsetDelta: records.length - 1,
        transactional: by.isTransactional,
        producerId: by.producerId.toString(),
        producerEpoch: by.epoch,
        firstSequence: by.sequence,
      });
      // JavaScript orders integer-like names of an object first; only those batches cannot be compared.
      fc.pre(records.every((r) => r.headers.every(([name]) => !/^(\d+|__proto__)$/.test(name))));
      expect(encoder.seal(by).equals(stock.buffer)).toBe(true);
    }),
  );
});

test('what it writes is read back as it was', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 50 }), (records) => {
      const encoder = new BatchEncoder();
      for (const r of records) encoder.add(1_000 + r.delta, r.key, r.value, r.headers);
      const bytes = encoder.seal({ producerId: 7n, epoch: 3, sequence: 11, isTransactional: true });
      const header = readBatchHeader(bytes, 0);
      expect(header).toMatchObject({ producerId: 7n, isTransactional: true, lastOffset: records.length - 1 });
      if (!header) return;
      const out: DecodedRecord[] = [];
      new BatchRecords(bytes, header).take(out, 1_000, 0);
      expect(out.map(plain)).toEqual(
        records.map((r, offset) => ({
          offset,
          timestamp: 1_000 + r.delta,
          key: r.key === null ? null : Buffer.from(r.key),
          value: r.value,
          headers: r.headers.map(([name, value]) => [Buffer.from(name).toString(), Buffer.from(value)]),
        })),
      );
    }),
  );
});

test('refuses to grow beyond its bound, and takes a first record of any allowed size', () => {
  const encoder = new BatchEncoder();
  expect(encoder.add(0, null, Buffer.alloc(LIMITS.batchBytes + 1_000), [])).toBe(true);
  expect(encoder.add(0, null, Buffer.alloc(10), [])).toBe(false);
  expect(encoder.count).toBe(1);
});

test('a record that no broker would take is a bad record', () => {
  const add = (): unknown => new BatchEncoder().add(0, null, Buffer.alloc(LIMITS.recordBytes), []);
  expect(add).toThrowError(MillraceError);
  expect(add).toThrowError(expect.objectContaining({ kind: 'data', code: 'MR-KAFKA-RECORD-TOO-LARGE' }));
});

test('a cleared encoder starts afresh', () => {
  const encoder = new BatchEncoder();
  const first: HeaderInput[] = [['m', 'x']];
  encoder.add(5, 'a', Buffer.from('b'), first);
  encoder.clear();
  encoder.add(9, 'k', null, []);
  const fresh = new BatchEncoder();
  fresh.add(9, 'k', null, []);
  const by = { producerId: 1n, epoch: 0, sequence: 0, isTransactional: true };
  expect(encoder.seal(by).equals(fresh.seal(by))).toBe(true);
});

function plain(r: DecodedRecord): object {
  return { offset: r.offset, timestamp: r.timestamp, key: r.key, value: r.value, headers: r.headers() };
}
