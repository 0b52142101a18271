import { constants, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { decompressFrameSync } from 'lz4-napi';
import { uncompressSync } from 'snappy';

/** The low three bits of a batch's attributes. */
export const Codec = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

/**
 * Decompresses the records of one batch. `limit` bounds the result in bytes, so that a small batch cannot fill the
 * memory. Throws a `RangeError` beyond it, and whatever the codec throws on damaged input.
 */
export function decompress(codec: number, bytes: Buffer, limit: number): Buffer {
  switch (codec) {
    case Codec.gzip:
      return gunzipSync(bytes, { maxOutputLength: limit });
    case Codec.snappy:
      return unsnappy(bytes, limit);
    case Codec.lz4:
      checkLimit(lz4Bound(bytes), limit);
      return decompressFrameSync(bytes);
    case Codec.zstd:
      // A window as large as `zstd --long`: more would only help an attacker.
      return zstdDecompressSync(bytes, {
        maxOutputLength: limit,
        params: { [constants.ZSTD_d_windowLogMax]: 27 },
      });
    default:
      throw new RangeError(`unknown compression codec ${codec}`);
  }
}

// snappy-java's stream format: this magic, version and compatible version (4 bytes each), then blocks of a 4-byte
// big-endian length and raw snappy data.
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);

function unsnappy(bytes: Buffer, limit: number): Buffer {
  // librdkafka and others write one raw block instead.
  if (!bytes.subarray(0, XERIAL.length).equals(XERIAL)) return snappyBlock(bytes, limit);
  const blocks: Buffer[] = [];
  let total = 0;
  for (let at = 16; at < bytes.length; ) {
    const length = bytes.readInt32BE(at);
    const block = snappyBlock(bytes.subarray(at + 4, at + 4 + length), limit - total);
    blocks.push(block);
    total += block.length;
    at += 4 + length;
  }
  return blocks.length === 1 && blocks[0] ? blocks[0] : Buffer.concat(blocks, total);
}

/** A raw block starts with its uncompressed length as a varint. */
function snappyBlock(block: Buffer, limit: number): Buffer {
  let length = 0;
  for (let i = 0, scale = 1; i < 5; i += 1, scale *= 128) {
    const byte = block[i] ?? 0;
    length += (byte & 127) * scale;
    if (byte < 128) break;
  }
  checkLimit(length, limit);
  const out = uncompressSync(block);
  return typeof out === 'string' ? Buffer.from(out) : out;
}

const LZ4_BLOCK_BYTES = [0, 0, 0, 0, 64 << 10, 256 << 10, 1 << 20, 4 << 20];

/** Upper bound of an LZ4 frame's content: its blocks times their declared size (LZ4 frame format 1.6). */
function lz4Bound(frame: Buffer): number {
  const flags = frame.readUInt8(4);
  const blockBytes = LZ4_BLOCK_BYTES[(frame.readUInt8(5) >> 4) & 7] ?? 0;
  const blockChecksum = (flags & 0x10) === 0 ? 0 : 4;
  let at = 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0);
  let blocks = 0;
  for (; at + 4 <= frame.length; blocks += 1) {
    const size = frame.readUInt32LE(at) & 0x7fffffff;
    if (size === 0) break;
    at += 4 + size + blockChecksum;
  }
  // A single block may be declared far larger than it is: LZ4 expands at most 255 times.
  return Math.min(blocks * blockBytes, frame.length * 255);
}

function checkLimit(bytes: number, limit: number): void {
  if (bytes > limit) throw new RangeError(`decompresses to more than ${limit} bytes`);
}
