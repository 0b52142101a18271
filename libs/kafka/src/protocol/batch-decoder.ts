import { MillraceError } from '@millrace/core';
import { LIMITS } from '../limits.ts';
import { decompress } from './compression.ts';
import { crc32c } from './crc32c.ts';
import { readInt64 } from './reader.ts';
import { type Cursor, type DecodedRecord, readRecord } from './record.ts';

/** The fixed header of a record batch, magic 2 (https://kafka.apache.org/documentation/#recordbatch). */
export interface BatchHeader {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: bigint;
  readonly count: number;
  readonly codec: number;
  /** Timestamps were set by the broker: `maxTimestamp` counts for every record. */
  readonly isLogAppendTime: boolean;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  /** Where the batch starts and ends in the record set. */
  readonly start: number;
  readonly end: number;
}

export const BATCH_HEADER_BYTES = 61;
const LENGTH_PREFIX_BYTES = 12;

/** Bytes that the batch at `at` takes, or 0 when not even its length is there. */
export function batchBytesAt(set: Buffer, at: number): number {
  return at + LENGTH_PREFIX_BYTES > set.length ? 0 : LENGTH_PREFIX_BYTES + set.readInt32BE(at + 8);
}

/**
 * The header of the batch at `at`, with its checksum verified; `null` when the batch is cut off, as the last one of
 * a fetch may be. Throws on anything damaged.
 */
export function readBatchHeader(set: Buffer, at: number): BatchHeader | null {
  const bytes = batchBytesAt(set, at);
  if (bytes === 0 || at + bytes > set.length) return null;
  const magic = bytes > 16 ? set[at + 16] : -1;
  if (magic !== 2 || bytes < BATCH_HEADER_BYTES) throw damaged(`record format ${magic}`);
  const end = at + bytes;
  if (crc32c(set, at + 21, end) !== set.readUInt32BE(at + 17)) throw damaged('checksum');
  const attributes = set.readInt16BE(at + 21);
  const baseOffset = readInt64(set, at);
  return {
    baseOffset,
    lastOffset: baseOffset + set.readInt32BE(at + 23),
    baseTimestamp: readInt64(set, at + 27),
    maxTimestamp: readInt64(set, at + 35),
    producerId: set.readBigInt64BE(at + 43),
    count: set.readInt32BE(at + 57),
    codec: attributes & 7,
    isLogAppendTime: (attributes & 8) !== 0,
    isTransactional: (attributes & 16) !== 0,
    isControl: (attributes & 32) !== 0,
    start: at,
    end,
  };
}

/** Offset after the last whole batch of the set, without decoding any; -1 when there is none. */
export function offsetAfter(set: Buffer): number {
  let next = -1;
  for (let at = 0; ; ) {
    const bytes = batchBytesAt(set, at);
    if (bytes < BATCH_HEADER_BYTES || at + bytes > set.length) return next;
    next = readInt64(set, at) + set.readInt32BE(at + 23) + 1;
    at += bytes;
  }
}

/** Whether a control batch says that its producer's transaction was aborted: key = version, type; type 0. */
export function isAbortMarker(set: Buffer, header: BatchHeader): boolean {
  if (!header.isControl || header.count < 1) return false;
  const { key } = readRecord({ bytes: set, at: header.start + BATCH_HEADER_BYTES }, 0, 0, null);
  return key !== null && key.length >= 4 && key.readInt16BE(2) === 0;
}

/** The records of one batch, a part at a time. */
export class BatchRecords {
  readonly #header: BatchHeader;
  readonly #cursor: Cursor;
  #left: number;

  constructor(set: Buffer, header: BatchHeader) {
    this.#header = header;
    this.#left = header.count;
    this.#cursor = { bytes: set, at: header.start + BATCH_HEADER_BYTES };
    if (header.codec === 0) {
      this.#cursor.bytes = set.subarray(0, header.end);
      return;
    }
    const packed = set.subarray(header.start + BATCH_HEADER_BYTES, header.end);
    this.#cursor = { bytes: unpack(header, packed), at: 0 };
  }

  /** Bytes that the rest still takes, uncompressed. */
  get bytesLeft(): number {
    return this.#cursor.bytes.length - this.#cursor.at;
  }

  get isDone(): boolean {
    return this.#left === 0;
  }

  /** Appends at most `max` records at or after offset `from`; returns how many. */
  take(into: DecodedRecord[], max: number, from: number): number {
    const { baseOffset, baseTimestamp, maxTimestamp, isLogAppendTime } = this.#header;
    const timestamp = isLogAppendTime ? maxTimestamp : null;
    let taken = 0;
    try {
      for (; this.#left > 0 && taken < max; this.#left -= 1) {
        const record = readRecord(this.#cursor, baseOffset, baseTimestamp, timestamp);
        if (record.offset < from) continue;
        into.push(record);
        taken += 1;
      }
    } catch (error) {
      throw damaged('records', error);
    }
    return taken;
  }
}

function unpack(header: BatchHeader, packed: Buffer): Buffer {
  try {
    return decompress(header.codec, packed, LIMITS.decompressedBytes);
  } catch (error) {
    const tooLarge = error instanceof RangeError;
    if (!tooLarge) throw damaged('compressed records', error);
    throw new MillraceError({
      kind: 'halt',
      code: 'MR-KAFKA-BATCH-TOO-LARGE',
      message: `A record batch at offset ${header.baseOffset} expands beyond ${LIMITS.decompressedBytes} bytes or has an unknown codec.`,
      remedy: 'Find out who writes to this topic; produce smaller batches.',
      cause: error,
    });
  }
}

/** Damage in transit passes with the next fetch; damage on the broker's disk stays, and the error with it. */
function damaged(what: string, cause?: unknown): MillraceError {
  return new MillraceError({
    kind: 'transient',
    code: 'MR-KAFKA-DAMAGED-BATCH',
    message: `A fetched record batch is damaged: ${what}.`,
    remedy: "If it does not pass, look at the broker's disk and log.",
    cause,
  });
}
