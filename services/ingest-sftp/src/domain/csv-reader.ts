import { createHash } from 'node:crypto';
import type { CsvFormat } from '@millrace/config';
import { CsvScanner, detectLineEnd, FLAW, type LineEnd } from './csv-scanner.ts';
import {
  byteOrderMark,
  bytesPerUnit,
  codeUnits,
  type DecodedText,
  decodeText,
  type Encoding,
} from './text-decoding.ts';

/** Where to go on: always a row's start. `lineEnd` and `encoding` as the beginning of the file settled them. */
export interface CsvPosition {
  readonly byteOffset: number;
  readonly line: number;
  readonly lineEnd: LineEnd;
  readonly encoding: Encoding;
}

/** A row that was too long to hold. */
export interface SkippedRow {
  readonly line: number;
  readonly length: number;
  readonly sha256: string;
}

/** The file as a whole cannot be read as this format. */
export class FormatProblem extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const ROWS_PER_BLOCK = 2_000;

/** Complete rows with their exact bytes. Valid until the reader is asked again. */
export class RowBlock {
  readonly count: number;
  /** Absolute offset behind the last row, line end included. */
  readonly endOffset: number;
  readonly #scanner: CsvScanner;
  readonly #bytes: Buffer;
  readonly #base: number;
  readonly #unit: number;
  readonly #text: DecodedText;
  readonly #quote: string;

  constructor(
    scanner: CsvScanner,
    bytes: Buffer,
    base: number,
    text: DecodedText,
    end: number,
    format: CsvFormat,
    unit: number,
  ) {
    this.count = scanner.rows;
    this.#scanner = scanner;
    this.#bytes = bytes;
    this.#base = base;
    this.#unit = unit;
    this.#text = text;
    this.#quote = format.quote;
    this.endOffset = base + Math.min(end * unit, bytes.length);
  }

  line(row: number): number {
    return this.#scanner.rowLine[row] ?? 0;
  }

  /** Absolute offset behind the row and its line end. */
  offsetAfter(row: number): number {
    return this.#base + Math.min((this.#scanner.rowNext[row] ?? 0) * this.#unit, this.#bytes.length);
  }

  lineAfter(row: number): number {
    return row + 1 < this.count ? this.line(row + 1) : this.#scanner.line;
  }

  /** The row's original bytes, line end left out. */
  raw(row: number): Buffer {
    const { rowStart, rowEnd } = this.#scanner;
    return this.#bytes.subarray((rowStart[row] ?? 0) * this.#unit, (rowEnd[row] ?? 0) * this.#unit);
  }

  /** Fills `out` with the row's fields and returns their number, or a negative flaw. */
  fields(row: number, out: string[]): number {
    const scanner = this.#scanner;
    const flaw = scanner.rowFlaw[row];
    if (flaw !== FLAW.none) return flaw === FLAW.tooLong ? UNREADABLE.tooLong : UNREADABLE.quote;
    if (!this.#text.valid(scanner.rowStart[row] ?? 0, scanner.rowEnd[row] ?? 0)) return UNREADABLE.encoding;
    const first = scanner.rowField[row] ?? 0;
    const count = (scanner.rowField[row + 1] ?? 0) - first;
    for (let i = 0; i < count; i += 1) {
      const field = first + i;
      const text = this.#text.slice(scanner.fieldStart[field] ?? 0, scanner.fieldEnd[field] ?? 0);
      out[i] =
        scanner.fieldEscaped[field] === 1 ? text.replaceAll(this.#quote + this.#quote, this.#quote) : text;
    }
    return count;
  }
}

export const UNREADABLE = { quote: -1, tooLong: -2, encoding: -3 } as const;

/**
 * Turns a stream of bytes into blocks of rows. Push chunks, take blocks until `null`, push more; `end` at the end.
 * Memory: one chunk, or one row of at most `maxRowBytes`.
 */
export class CsvReader {
  readonly #format: CsvFormat;
  #buffer: Buffer = Buffer.alloc(0);
  #base: number;
  #line: number;
  #ended = false;
  #encoding: Encoding;
  #scanner: CsvScanner | null = null;
  #lineEnd: LineEnd | null = null;
  #begun: boolean;
  #linesToSkip: number;
  #minimum = 1;
  #skipping: { hash: ReturnType<typeof createHash>; line: number; length: number } | null = null;

  constructor(format: CsvFormat, position?: CsvPosition) {
    this.#format = format;
    this.#encoding = position?.encoding ?? format.encoding;
    this.#base = position?.byteOffset ?? 0;
    this.#line = position?.line ?? 1;
    this.#begun = position !== undefined;
    this.#linesToSkip = position ? 0 : format.skipLines;
    if (position) this.#setLineEnd(position.lineEnd);
  }

  /** Absolute offset of the first byte that no block has given away yet. */
  get offset(): number {
    return this.#base;
  }

  /** Whether it is inside a row that is too long to hold. */
  get skipping(): boolean {
    return this.#skipping !== null;
  }

  get encoding(): Encoding {
    return this.#encoding;
  }

  get lineEnd(): LineEnd {
    return this.#lineEnd ?? 'lf';
  }

  get line(): number {
    return this.#scanner?.line ?? this.#line;
  }

  push(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
  }

  end(): void {
    this.#ended = true;
  }

  /** Complete rows, a row that was too long to hold, or null when more bytes are needed (or none are left). */
  next(maxRows = ROWS_PER_BLOCK): RowBlock | SkippedRow | null {
    if (this.#skipping) return this.#skip();
    if (!this.#ended && this.#buffer.length < this.#minimum) return null;
    if (!this.#begin()) return null;
    const scanner = this.#scanner;
    if (!scanner || this.#buffer.length === 0) return null;
    const unit = bytesPerUnit(this.#encoding);
    const usable =
      this.#ended || unit === 1 ? this.#buffer : this.#buffer.subarray(0, this.#buffer.length & ~1);
    const units = codeUnits(usable, this.#encoding);
    const end = scanner.scan(units, 0, units.length, this.#ended, maxRows);
    if (end > 0) {
      const text = decodeText(usable, units, this.#encoding, end);
      const block = new RowBlock(scanner, usable, this.#base, text, end, this.#format, unit);
      this.#consume(Math.min(end * unit, usable.length));
      this.#minimum = 1;
      return block;
    }
    if (scanner.overlong) {
      this.#skipping = { hash: createHash('sha256'), line: scanner.line, length: 0 };
      return this.#skip();
    }
    // Scanning the same beginning again for each chunk would be quadratic in the length of a row.
    this.#minimum = this.#buffer.length * 2;
    return null;
  }

  #consume(bytes: number): void {
    this.#buffer = this.#buffer.subarray(bytes);
    this.#base += bytes;
  }

  #setLineEnd(lineEnd: LineEnd): void {
    const { delimiter, quote, maxRowBytes } = this.#format;
    const maxRowUnits = Math.ceil(maxRowBytes / bytesPerUnit(this.#encoding));
    this.#lineEnd = lineEnd;
    this.#scanner = new CsvScanner({ delimiter, quote, maxRowUnits }, lineEnd);
    this.#scanner.line = this.#line;
  }

  /** Byte-order mark, line end, lines to skip. False while more bytes are needed. */
  #begin(): boolean {
    if (!this.#begun) {
      if (this.#buffer.length < 4 && !this.#ended) return false;
      const mark = byteOrderMark(this.#buffer, this.#format.encoding);
      if (mark === 'contradiction') {
        const message = `its byte-order mark contradicts the declared encoding ${this.#format.encoding}`;
        throw new FormatProblem('MR-FILE-ENCODING', message);
      }
      this.#encoding = mark.encoding;
      this.#consume(mark.length);
      this.#begun = true;
    }
    if (!this.#scanner) {
      const units = codeUnits(this.#evenBuffer(), this.#encoding);
      const { delimiter, quote, maxRowBytes } = this.#format;
      // Lines to skip are text of any kind.
      const dialect = { delimiter, quote: this.#linesToSkip > 0 ? '' : quote };
      const lineEnd = detectLineEnd(units, units.length, this.#ended, maxRowBytes, dialect);
      if (!lineEnd) {
        this.#minimum = this.#buffer.length * 2;
        return false;
      }
      this.#setLineEnd(lineEnd);
    }
    while (this.#linesToSkip > 0) if (!this.#dropLine()) return false;
    return true;
  }

  #evenBuffer(): Buffer {
    return this.#ended || bytesPerUnit(this.#encoding) === 1
      ? this.#buffer
      : this.#buffer.subarray(0, this.#buffer.length & ~1);
  }

  #dropLine(): boolean {
    const scanner = this.#scanner;
    if (!scanner) return false;
    const bytes = this.#evenBuffer();
    const units = codeUnits(bytes, this.#encoding);
    const behind = scanner.lineEndAfter(units, 0, units.length);
    this.#consume(behind < 0 ? bytes.length : behind * bytesPerUnit(this.#encoding));
    if (behind < 0 && !this.#ended) return false;
    scanner.line += 1;
    this.#linesToSkip -= 1;
    return true;
  }

  #skip(): SkippedRow | null {
    const skipping = this.#skipping;
    const scanner = this.#scanner;
    if (!skipping || !scanner) return null;
    const bytes = this.#evenBuffer();
    const unit = bytesPerUnit(this.#encoding);
    const units = codeUnits(bytes, this.#encoding);
    const behind = scanner.lineEndAfter(units, 0, units.length);
    const content = behind < 0 ? bytes.length : (behind - 1) * unit;
    skipping.hash.update(bytes.subarray(0, content));
    skipping.length += content;
    this.#consume(behind < 0 ? bytes.length : behind * unit);
    if (behind < 0 && !this.#ended) return null;
    this.#skipping = null;
    scanner.line += 1;
    this.#line = scanner.line;
    return { line: skipping.line, length: skipping.length, sha256: skipping.hash.digest('hex') };
  }
}
