import type { FieldType, FieldValue, RecordValue } from '@millrace/core';
import { writeNumeric } from './numeric.ts';
import { reserve, type Slab } from './slab.ts';
import type { FieldColumn } from './table-spec.ts';

/** What the encoder needs of a row. */
export interface StagedRow {
  readonly ord: number;
  readonly loadId: string;
  readonly row: number;
  /** Milliseconds since the epoch; null is written as −infinity. */
  readonly fileTime: number | null;
  readonly value: RecordValue;
}

/** PostgreSQL counts from 2000-01-01. */
const EPOCH_MICROS = 946_684_800_000_000;
const EPOCH_DAYS = 10_957;
/** Julian day 0: a header can name an earlier time, and one such would fail the COPY of a whole batch. */
const FILE_TIME_MIN = -2_451_545 * 86_400_000_000;

/** `PGCOPY\n\377\r\n\0`, no flags, no extension (manual, COPY, "Binary Format"). */
const HEADER = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex');

const FIRST_SLAB_BYTES = 1 << 20;
/** A slab that one huge batch has grown is given back after it. */
const KEPT_SLAB_BYTES = 32 << 20;

/**
 * Encodes rows as one binary COPY stream for the staging table: ord, load, row, file time, then the field columns
 * in their order. One slab for all rows, reused by the next call: what is returned is a view into it.
 */
export function createCopyEncoder(columns: readonly FieldColumn[]): (rows: readonly StagedRow[]) => Buffer {
  const fields = columns.map((column) => ({ name: column.field, write: writerFor(column.type) }));
  const count = 4 + fields.length;
  let slab: Slab = { bytes: Buffer.allocUnsafeSlow(FIRST_SLAB_BYTES), at: 0 };
  return (rows) => {
    if (slab.bytes.length > KEPT_SLAB_BYTES) slab.bytes = Buffer.allocUnsafeSlow(FIRST_SLAB_BYTES);
    slab = { bytes: slab.bytes, at: 0 };
    slab.at += HEADER.copy(slab.bytes, 0);
    for (const row of rows) {
      // Everything of a fixed size, and the lengths of what has none.
      reserve(slab, 128 + 12 * fields.length);
      slab.at = slab.bytes.writeInt16BE(count, slab.at);
      writeInt32(slab, row.ord);
      writeText(slab, row.loadId);
      writeInt64(slab, row.row);
      writeFileTime(slab, row.fileTime);
      for (const { name, write } of fields) {
        const value = row.value[name];
        if (value === null || value === undefined) {
          reserve(slab, 4);
          slab.at = slab.bytes.writeInt32BE(-1, slab.at);
        } else {
          write(slab, value);
        }
      }
    }
    reserve(slab, 2);
    slab.at = slab.bytes.writeInt16BE(-1, slab.at);
    return slab.bytes.subarray(0, slab.at);
  };
}

type Writer = (slab: Slab, value: FieldValue) => void;

// The casts below: a decoded record's value has the type of its field, and rows are checked before.
function writerFor(type: FieldType): Writer {
  switch (type.kind) {
    case 'string':
      return (slab, value) => writeText(slab, value as string);
    case 'boolean':
      return (slab, value) => {
        reserve(slab, 5);
        slab.at = slab.bytes.writeInt32BE(1, slab.at);
        slab.at = slab.bytes.writeUInt8(value === true ? 1 : 0, slab.at);
      };
    case 'int32':
      return (slab, value) => writeInt32(slab, value as number);
    case 'int64':
      return (slab, value) => {
        reserve(slab, 12);
        slab.at = slab.bytes.writeInt32BE(8, slab.at);
        slab.at = slab.bytes.writeBigInt64BE(value as bigint, slab.at);
      };
    case 'float64':
      return (slab, value) => {
        reserve(slab, 12);
        slab.at = slab.bytes.writeInt32BE(8, slab.at);
        slab.at = slab.bytes.writeDoubleBE(value as number, slab.at);
      };
    case 'decimal': {
      const { scale } = type;
      return (slab, value) => writeNumeric(slab, value as bigint, scale);
    }
    case 'timestamp':
      return (slab, value) => writeInt64(slab, (value as number) - EPOCH_MICROS);
    case 'date':
      return (slab, value) => writeInt32(slab, (value as number) - EPOCH_DAYS);
    case 'bytes':
      return (slab, value) => {
        const bytes = value as Buffer;
        reserve(slab, 4 + bytes.length);
        slab.at = slab.bytes.writeInt32BE(bytes.length, slab.at);
        slab.at += bytes.copy(slab.bytes, slab.at);
      };
  }
}

function writeInt32(slab: Slab, value: number): void {
  reserve(slab, 8);
  slab.at = slab.bytes.writeInt32BE(4, slab.at);
  slab.at = slab.bytes.writeInt32BE(value, slab.at);
}

/** A double that is an integer, in two exact halves: a bigint costs 100 ns more. */
function writeInt64(slab: Slab, value: number): void {
  reserve(slab, 12);
  const high = Math.floor(value / 0x1_0000_0000);
  slab.at = slab.bytes.writeInt32BE(8, slab.at);
  slab.at = slab.bytes.writeInt32BE(high, slab.at);
  slab.at = slab.bytes.writeUInt32BE(value - high * 0x1_0000_0000, slab.at);
}

function writeFileTime(slab: Slab, mtimeMs: number | null): void {
  const micros = mtimeMs === null ? Number.NaN : mtimeMs * 1_000 - EPOCH_MICROS;
  if (micros >= FILE_TIME_MIN) {
    writeInt64(slab, micros);
    return;
  }
  // -infinity is the smallest int64.
  reserve(slab, 12);
  slab.at = slab.bytes.writeInt32BE(8, slab.at);
  slab.at = slab.bytes.writeInt32BE(-0x8000_0000, slab.at);
  slab.at = slab.bytes.writeUInt32BE(0, slab.at);
}

/** Short text is nearly always ASCII: a loop in JavaScript beats the call into the runtime. */
const SHORT_TEXT = 32;

function writeText(slab: Slab, text: string): void {
  const { length } = text;
  reserve(slab, 4 + 3 * length);
  const { bytes } = slab;
  const start = slab.at + 4;
  let written = -1;
  if (length <= SHORT_TEXT) {
    let i = 0;
    for (; i < length; i += 1) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) break;
      bytes[start + i] = unit;
    }
    if (i === length) written = length;
  }
  if (written < 0) written = bytes.write(text, start, 'utf8');
  bytes.writeInt32BE(written, slab.at);
  slab.at = start + written;
}
