import { MillraceError } from '@millrace/core';
import { LIMITS } from '../limits.ts';
import { BATCH_HEADER_BYTES } from './batch-decoder.ts';
import { crc32c } from './crc32c.ts';
import { writeInt64 } from './reader.ts';

export type HeaderInput = readonly [name: string, value: Uint8Array | string];

/** Who writes a batch; -1, -1, -1 outside of transactions and idempotence. */
export interface ProducerStamp {
  readonly producerId: bigint;
  readonly epoch: number;
  readonly sequence: number;
  readonly isTransactional: boolean;
}

export const NO_PRODUCER: ProducerStamp = {
  producerId: -1n,
  epoch: -1,
  sequence: -1,
  isTransactional: false,
};

const FIRST_SLAB_BYTES = 16 << 10;
/** Attributes byte, five varints of at most 5 bytes and a varlong of 10. */
const RECORD_OVERHEAD_BYTES = 36;

/**
 * One record batch (magic 2, uncompressed), encoded as records are added. The header is written by `seal`, which may
 * be repeated with another producer.
 */
export class BatchEncoder {
  #slab = Buffer.allocUnsafe(FIRST_SLAB_BYTES);
  #at = BATCH_HEADER_BYTES;
  #count = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#at;
  }

  /**
   * Adds a record, or returns false when the batch would grow beyond its bound; a first record always fits. Throws
   * `data` when the record is larger than the broker takes.
   */
  add(
    timestamp: number,
    key: Uint8Array | string | null,
    value: Uint8Array | null,
    headers: readonly HeaderInput[],
  ): boolean {
    const keyBytes = key === null ? -1 : typeof key === 'string' ? utf8Length(key) : key.length;
    const valueBytes = value === null ? -1 : value.length;
    const headerBytes = headersSize(headers);
    if (this.#count === 0) {
      this.#baseTimestamp = timestamp;
      this.#maxTimestamp = timestamp;
    }
    const delta = timestamp - this.#baseTimestamp;
    const body =
      1 +
      varlongSize(delta) +
      varintSize(this.#count) +
      varintSize(keyBytes) +
      Math.max(keyBytes, 0) +
      varintSize(valueBytes) +
      Math.max(valueBytes, 0) +
      headerBytes;
    if (body > LIMITS.recordBytes) throw tooLarge(body);
    if (this.#count > 0 && this.#at + body + 5 > LIMITS.batchBytes) return false;
    this.#reserve(body + RECORD_OVERHEAD_BYTES);
    const slab = this.#slab;
    let at = writeVarint(slab, body, this.#at);
    slab[at++] = 0;
    at = writeVarlong(slab, delta, at);
    at = writeVarint(slab, this.#count, at);
    at = writeVarint(slab, keyBytes, at);
    if (key !== null) at = writeBytes(slab, key, keyBytes, at);
    at = writeVarint(slab, valueBytes, at);
    if (value !== null) at = writeBytes(slab, value, valueBytes, at);
    at = writeVarint(slab, headers.length, at);
    for (const [name, content] of headers) {
      const nameBytes = utf8Length(name);
      at = writeBytes(slab, name, nameBytes, writeVarint(slab, nameBytes, at));
      const contentBytes = typeof content === 'string' ? utf8Length(content) : content.length;
      at = writeBytes(slab, content, contentBytes, writeVarint(slab, contentBytes, at));
    }
    this.#at = at;
    this.#count += 1;
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp;
    return true;
  }

  /** The finished batch: a view that the next `add` or `clear` makes invalid. */
  seal(stamp: ProducerStamp): Buffer {
    const slab = this.#slab;
    const end = this.#at;
    writeInt64(slab, 0, 0); // base offset: the broker's
    slab.writeInt32BE(end - 12, 8);
    slab.writeInt32BE(0, 12); // leader epoch: the broker's
    slab[16] = 2; // magic
    slab.writeInt16BE(stamp.isTransactional ? 0x10 : 0, 21);
    slab.writeInt32BE(this.#count - 1, 23);
    writeInt64(slab, this.#baseTimestamp, 27);
    writeInt64(slab, this.#maxTimestamp, 35);
    slab.writeBigInt64BE(stamp.producerId, 43);
    slab.writeInt16BE(stamp.epoch, 51);
    slab.writeInt32BE(stamp.sequence, 53);
    slab.writeInt32BE(this.#count, 57);
    slab.writeUInt32BE(crc32c(slab, 21, end), 17);
    return slab.subarray(0, end);
  }

  clear(): void {
    this.#at = BATCH_HEADER_BYTES;
    this.#count = 0;
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#slab.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#slab.length * 2));
    this.#slab.copy(grown, 0, 0, this.#at);
    this.#slab = grown;
  }
}

function tooLarge(bytes: number): MillraceError {
  return new MillraceError({
    kind: 'data',
    code: 'MR-KAFKA-RECORD-TOO-LARGE',
    message: `The record takes ${bytes} bytes; Kafka takes ${LIMITS.recordBytes}.`,
    remedy: 'Leave the large field out of the pipeline, or land it as a file.',
  });
}

/** Most keys and header names are short ASCII, for which this beats `Buffer.byteLength`. */
function utf8Length(text: string): number {
  const { length } = text;
  if (length > 40) return Buffer.byteLength(text);
  for (let i = 0; i < length; i += 1) if (text.charCodeAt(i) > 127) return Buffer.byteLength(text);
  return length;
}

function writeBytes(slab: Buffer, from: Uint8Array | string, length: number, at: number): number {
  if (typeof from !== 'string') slab.set(from, at);
  else if (length === from.length && length <= 40) {
    // As many bytes as characters: ASCII.
    for (let i = 0; i < length; i += 1) slab[at + i] = from.charCodeAt(i);
  } else slab.write(from, at, length, 'utf8');
  return at + length;
}

function headersSize(headers: readonly HeaderInput[]): number {
  let size = varintSize(headers.length);
  for (const [name, value] of headers) {
    const nameBytes = utf8Length(name);
    const valueBytes = typeof value === 'string' ? utf8Length(value) : value.length;
    size += varintSize(nameBytes) + nameBytes + varintSize(valueBytes) + valueBytes;
  }
  return size;
}

/** Zigzag varint of a number within 32 bits. */
function varintSize(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x20_0000) return 3;
  return zigzag < 0x1000_0000 ? 4 : 5;
}

function writeVarint(slab: Buffer, value: number, start: number): number {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  let at = start;
  while (zigzag >= 0x80) {
    slab[at++] = (zigzag & 127) | 128;
    zigzag >>>= 7;
  }
  slab[at++] = zigzag;
  return at;
}

/** Zigzag of a number below 2^52 in size. */
function varlongSize(value: number): number {
  let zigzag = value < 0 ? -value * 2 - 1 : value * 2;
  let size = 1;
  for (; zigzag >= 128; zigzag = Math.floor(zigzag / 128)) size += 1;
  return size;
}

function writeVarlong(slab: Buffer, value: number, start: number): number {
  let zigzag = value < 0 ? -value * 2 - 1 : value * 2;
  let at = start;
  for (; zigzag >= 128; zigzag = Math.floor(zigzag / 128)) slab[at++] = (zigzag % 128) | 128;
  slab[at++] = zigzag;
  return at;
}
