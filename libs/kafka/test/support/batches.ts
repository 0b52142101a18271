import { BatchEncoder, type HeaderInput, NO_PRODUCER } from '../../src/protocol/batch-encoder.ts';
import { crc32c } from '../../src/protocol/crc32c.ts';
import { writeInt64 } from '../../src/protocol/reader.ts';

export interface TestRecord {
  readonly key?: string | null;
  readonly value?: string | null;
  readonly headers?: readonly HeaderInput[];
}

export interface TestBatch {
  readonly baseOffset: number;
  readonly records: readonly TestRecord[];
  readonly producerId?: bigint;
  readonly transactional?: boolean;
  readonly control?: boolean;
  /** Larger than the records say, as compaction leaves it. */
  readonly lastOffsetDelta?: number;
}

/** A record batch as a broker stores it, made with our encoder and then given its place in the log. */
export function logBatch(batch: TestBatch): Buffer {
  const encoder = new BatchEncoder();
  for (const { key = null, value = null, headers = [] } of batch.records) {
    encoder.add(1_000, key, value === null ? null : Buffer.from(value), headers);
  }
  const stamp = {
    ...NO_PRODUCER,
    producerId: batch.producerId ?? -1n,
    isTransactional: batch.transactional ?? false,
  };
  const bytes = Buffer.from(encoder.seal(stamp));
  writeInt64(bytes, batch.baseOffset, 0);
  if (batch.lastOffsetDelta !== undefined) bytes.writeInt32BE(batch.lastOffsetDelta, 23);
  if (batch.control) bytes.writeInt16BE(bytes.readInt16BE(21) | 0x20, 21);
  return sealed(bytes);
}

/** The marker that ends a transaction of this producer. */
export function marker(baseOffset: number, producerId: bigint, kind: 'abort' | 'commit'): Buffer {
  const key = kind === 'abort' ? '\0\0\0\0' : '\0\0\0\x01';
  return logBatch({
    baseOffset,
    producerId,
    transactional: true,
    control: true,
    records: [{ key, value: '\0\0\0\0\0\0' }],
  });
}

export function sealed(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32c(bytes, 21, bytes.length), 17);
  return bytes;
}
