import { crc32 } from 'node:zlib';

/**
 * A segment file is frames, one behind the other: u32 length of the payload, u32 CRC-32 of it, payload. Payload:
 * u8 kind, u48 sequence number, f64 time in ms (the server's where it tells one), u16 length of the key, key, body.
 * Little-endian. The first frame is the header.
 */
export const FRAME = { header: 0, reading: 1, gap: 2 } as const;
export type FrameKind = (typeof FRAME)[keyof typeof FRAME];

const PREFIX_BYTES = 8;
const FIXED_BYTES = 17;
/** Longer is damage: the publisher refuses records near Kafka's limit anyway. */
export const PAYLOAD_BYTES_MAX = 16 * 1024 * 1024;

export interface Frame {
  readonly kind: FrameKind;
  readonly sequence: number;
  readonly timeMs: number;
  /** Views into the buffer that was read. */
  readonly key: Buffer;
  readonly body: Buffer;
  /** Position behind it. */
  readonly end: number;
}

/** Frames on their way to disk, in one growing buffer that is used again. */
export class FrameBuffer {
  #bytes: Buffer;
  #length = 0;
  /** Readings in it. */
  readings = 0;
  /** Frames with a sequence number. */
  frames = 0;
  firstMs = Number.NaN;
  lastMs = Number.NaN;

  constructor(capacity = 64 * 1024) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  get length(): number {
    return this.#length;
  }

  get view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  add(kind: FrameKind, sequence: number, timeMs: number, key: string, body: Uint8Array): void {
    const keyLength = Buffer.byteLength(key);
    const payload = FIXED_BYTES + keyLength + body.length;
    this.#reserve(PREFIX_BYTES + payload);
    const start = this.#length + PREFIX_BYTES;
    const bytes = this.#bytes;
    bytes.writeUInt8(kind, start);
    bytes.writeUIntLE(sequence, start + 1, 6);
    bytes.writeDoubleLE(timeMs, start + 7);
    bytes.writeUInt16LE(keyLength, start + 15);
    bytes.write(key, start + FIXED_BYTES);
    bytes.set(body, start + FIXED_BYTES + keyLength);
    bytes.writeUInt32LE(payload, this.#length);
    bytes.writeUInt32LE(crc32(bytes.subarray(start, start + payload)), this.#length + 4);
    this.#length = start + payload;
    if (kind === FRAME.header) return;
    this.frames += 1;
    if (kind !== FRAME.reading) return;
    this.readings += 1;
    if (!(timeMs >= this.firstMs))
      this.firstMs = Number.isNaN(this.firstMs) ? timeMs : Math.min(this.firstMs, timeMs);
    if (!(timeMs <= this.lastMs)) this.lastMs = timeMs;
  }

  clear(): void {
    this.#length = 0;
    this.readings = 0;
    this.frames = 0;
    this.firstMs = Number.NaN;
    this.lastMs = Number.NaN;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/**
 * The frame at `at`; `'short'` when the buffer ends in it, `'damaged'` when length or checksum say that these are
 * no frame's bytes.
 */
export function readFrame(bytes: Buffer, at: number): Frame | 'short' | 'damaged' {
  if (at + PREFIX_BYTES > bytes.length) return 'short';
  const payload = bytes.readUInt32LE(at);
  if (payload < FIXED_BYTES || payload > PAYLOAD_BYTES_MAX) return 'damaged';
  const start = at + PREFIX_BYTES;
  const end = start + payload;
  if (end > bytes.length) return 'short';
  if (crc32(bytes.subarray(start, end)) !== bytes.readUInt32LE(at + 4)) return 'damaged';
  const kind = bytes.readUInt8(start);
  const keyLength = bytes.readUInt16LE(start + 15);
  if (kind > FRAME.gap || FIXED_BYTES + keyLength > payload) return 'damaged';
  const bodyAt = start + FIXED_BYTES + keyLength;
  return {
    kind: kind as FrameKind,
    sequence: bytes.readUIntLE(start + 1, 6),
    timeMs: bytes.readDoubleLE(start + 7),
    key: bytes.subarray(start + FIXED_BYTES, bodyAt),
    body: bytes.subarray(bodyAt, end),
    end,
  };
}
