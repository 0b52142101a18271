import { isAscii, isUtf8 } from 'node:buffer';
import type { CsvFormat } from '@millrace/config';

export type Encoding = CsvFormat['encoding'];

export function bytesPerUnit(encoding: Encoding): 1 | 2 {
  return encoding === 'utf-16le' || encoding === 'utf-16be' ? 2 : 1;
}

/** What a byte-order mark at the start says: its length, and the encoding that it settles. */
export function byteOrderMark(
  head: Uint8Array,
  declared: Encoding,
): { readonly length: number; readonly encoding: Encoding } | 'contradiction' {
  const wide = bytesPerUnit(declared) === 2;
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) {
    if (declared === 'utf-8') return { length: 3, encoding: declared };
    return wide ? 'contradiction' : { length: 0, encoding: declared };
  }
  const little = head[0] === 0xff && head[1] === 0xfe;
  const big = head[0] === 0xfe && head[1] === 0xff;
  if (!little && !big) return { length: 0, encoding: declared };
  if (wide) return { length: 2, encoding: little ? 'utf-16le' : 'utf-16be' };
  return declared === 'utf-8' ? 'contradiction' : { length: 0, encoding: declared };
}

/**
 * Code units of whole bytes: the bytes themselves, or UTF-16 units in the machine's order. An odd last byte of
 * UTF-16 becomes a lone surrogate, so that its row fails as badly encoded.
 */
export function codeUnits(bytes: Buffer, encoding: Encoding): Uint8Array | Uint16Array {
  if (bytesPerUnit(encoding) === 1) return bytes;
  const units = new Uint16Array(Math.ceil(bytes.length / 2));
  for (let i = 0; i + 1 < bytes.length; i += 2) {
    const [first, second] = [bytes[i] ?? 0, bytes[i + 1] ?? 0];
    units[i >> 1] = encoding === 'utf-16le' ? first | (second << 8) : (first << 8) | second;
  }
  if (bytes.length % 2 === 1) units[units.length - 1] = 0xd800;
  return units;
}

/** Text of a stretch, addressed by code unit. Decoding is done once for the whole stretch where that is exact. */
export interface DecodedText {
  slice(start: number, end: number): string;
  /** Whether the units are valid in the encoding. */
  valid(start: number, end: number): boolean;
}

export function decodeText(
  bytes: Buffer,
  units: Uint8Array | Uint16Array,
  encoding: Encoding,
  to: number,
): DecodedText {
  switch (encoding) {
    case 'utf-8':
      return decodeUtf8(bytes, to);
    case 'utf-16le':
    case 'utf-16be':
      return decodeUtf16(units, to);
    case 'iso-8859-1':
      return plain(bytes.toString('latin1', 0, to));
    case 'windows-1252':
      return plain(windows1252(bytes.toString('latin1', 0, to)));
  }
}

function plain(text: string): DecodedText {
  return { slice: (start, end) => text.substring(start, end), valid: () => true };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the point is to find bytes above ASCII
const BEYOND_ASCII = /[^\x00-\x7f]/;

function decodeUtf8(bytes: Buffer, to: number): DecodedText {
  const stretch = bytes.subarray(0, to);
  const text = stretch.toString('latin1', 0, to);
  if (isAscii(stretch)) return plain(text);
  const allValid = isUtf8(stretch);
  return {
    slice(start, end) {
      const slice = text.substring(start, end);
      return BEYOND_ASCII.test(slice) ? bytes.toString('utf8', start, end) : slice;
    },
    valid: (start, end) => allValid || isUtf8(bytes.subarray(start, end)),
  };
}

function decodeUtf16(units: Uint8Array | Uint16Array, to: number): DecodedText {
  const view = Buffer.from(units.buffer, units.byteOffset, to * 2);
  const text = view.toString('utf16le', 0, to * 2);
  const allValid = text.isWellFormed();
  return {
    slice: (start, end) => text.substring(start, end),
    valid: (start, end) => allValid || text.substring(start, end).isWellFormed(),
  };
}

/**
 * Windows-1252 where it differs from ISO 8859-1, as the WHATWG Encoding Standard has it (its five undefined bytes
 * stay control characters). Our own table: Node's decoder of that name has read these bytes as ISO 8859-1.
 */
const HIGH = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';
const DIFFERENT = /[\x80-\x9f]/;

function windows1252(latin1: string): string {
  if (!DIFFERENT.test(latin1)) return latin1;
  return latin1.replace(/[\x80-\x9f]/g, (unit) => HIGH[unit.charCodeAt(0) - 0x80] ?? unit);
}
