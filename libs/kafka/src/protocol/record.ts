import type { FetchedRecord } from '../types.ts';

/** A zigzag varint's value is at most 5 bytes long, a varlong's 10. */
export interface Cursor {
  bytes: Buffer;
  at: number;
}

export function readVarint(cursor: Cursor): number {
  const { bytes } = cursor;
  let at = cursor.at;
  let byte = bytes[at++] as number;
  let value = byte & 127;
  for (let shift = 7; byte >= 128; shift += 7) {
    if (shift > 28 || at >= bytes.length) throw new RangeError('damaged varint');
    byte = bytes[at++] as number;
    value |= (byte & 127) << shift;
  }
  cursor.at = at;
  return (value >>> 1) ^ -(value & 1);
}

/** As `readVarint`, for values beyond 32 bits; exact below 2^53. */
export function readVarlong(cursor: Cursor): number {
  const { bytes } = cursor;
  let at = cursor.at;
  let value = 0;
  for (let scale = 1, i = 0; ; scale *= 128, i += 1) {
    if (i > 9 || at >= bytes.length) throw new RangeError('damaged varlong');
    const byte = bytes[at++] as number;
    value += (byte & 127) * scale;
    if (byte < 128) break;
  }
  cursor.at = at;
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

type Header = readonly [name: string, value: Buffer | null];

/** One record as a view into its batch; headers are decoded only when somebody asks. */
export class DecodedRecord implements FetchedRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly #bytes: Buffer;
  readonly #headersAt: number;

  constructor(
    offset: number,
    timestamp: number,
    key: Buffer | null,
    value: Buffer | null,
    bytes: Buffer,
    headersAt: number,
  ) {
    this.offset = offset;
    this.timestamp = timestamp;
    this.key = key;
    this.value = value;
    this.#bytes = bytes;
    this.#headersAt = headersAt;
  }

  header(name: string): Buffer | null | undefined {
    const cursor = { bytes: this.#bytes, at: this.#headersAt };
    const count = readVarint(cursor);
    for (let i = 0; i < count; i += 1) {
      const length = readVarint(cursor);
      const matches = nameAt(cursor, length, name);
      cursor.at += length;
      const value = readBytes(cursor);
      if (matches) return value;
    }
    return undefined;
  }

  headers(): readonly Header[] {
    const cursor = { bytes: this.#bytes, at: this.#headersAt };
    const count = readVarint(cursor);
    const all: Header[] = [];
    for (let i = 0; i < count; i += 1) {
      const length = readVarint(cursor);
      const name = cursor.bytes.toString('utf8', cursor.at, cursor.at + length);
      cursor.at += length;
      all.push([name, readBytes(cursor)]);
    }
    return all;
  }
}

/** Compares without decoding where it can: our own header is the one letter `m`. */
function nameAt({ bytes, at }: Cursor, length: number, name: string): boolean {
  if (length === 1 && name.length === 1) return bytes[at] === name.charCodeAt(0);
  return length >= name.length && bytes.toString('utf8', at, at + length) === name;
}

function readBytes(cursor: Cursor): Buffer | null {
  const length = readVarint(cursor);
  if (length < 0) return null;
  const start = cursor.at;
  const end = start + length;
  if (end > cursor.bytes.length) throw new RangeError('damaged record');
  cursor.at = end;
  return cursor.bytes.subarray(start, end);
}

/** Reads the record at the cursor and moves behind it. `timestamp` is used instead of its own when not null. */
export function readRecord(
  cursor: Cursor,
  baseOffset: number,
  baseTimestamp: number,
  timestamp: number | null,
): DecodedRecord {
  const length = readVarint(cursor);
  const end = cursor.at + length;
  if (length < 0 || end > cursor.bytes.length) throw new RangeError('damaged record');
  cursor.at += 1; // attributes, unused
  const timestampDelta = readVarlong(cursor);
  const offset = baseOffset + readVarint(cursor);
  const key = readBytes(cursor);
  const value = readBytes(cursor);
  const record = new DecodedRecord(
    offset,
    timestamp ?? baseTimestamp + timestampDelta,
    key,
    value,
    cursor.bytes,
    cursor.at,
  );
  cursor.at = end;
  return record;
}
