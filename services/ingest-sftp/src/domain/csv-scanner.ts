const LF = 0x0a;
const CR = 0x0d;

/** `lf` covers CRLF as well: a CR in front of the LF belongs to the line end. */
export type LineEnd = 'lf' | 'cr';

/** Why a row cannot be split into fields; 0 when it can. */
export const FLAW = { none: 0, quote: 1, tooLong: 2 } as const;

export interface Dialect {
  readonly delimiter: string;
  /** Empty: no quoting. */
  readonly quote: string;
  /** Longest row in code units. */
  readonly maxRowUnits: number;
}

type Units = Uint8Array | Uint16Array;

/** What became of the row that a scan is at. */
const ROW = { done: 0, incomplete: 1, overlong: 2 } as const;

/**
 * Finds rows and fields in code units (bytes, or UTF-16 units), whatever the places at which a stream was cut.
 *
 * The grammar: fields are separated by the delimiter, rows by the line end. A quote at the start of a field opens
 * it; inside, a doubled quote stands for one; after the closing quote only a delimiter or line end may follow.
 * A quote anywhere else is text. A row that breaks these rules, or is longer than allowed, collapses to its first
 * physical line, and scanning goes on behind that line: an unclosed quote costs one row, not the rest of the file.
 * Blank lines are no rows.
 *
 * Results lie in arrays that the next scan overwrites; positions are indices into the units given.
 */
export class CsvScanner {
  rows = 0;
  rowStart = new Int32Array(1024);
  /** Behind the row's last unit, the line end left out. */
  rowEnd = new Int32Array(1024);
  /** Behind its line end. */
  rowNext = new Int32Array(1024);
  /** Line in the file of its first unit, from 1. */
  rowLine = new Float64Array(1024);
  rowFlaw = new Uint8Array(1024);
  /** Index of its first field; those of row r end where those of r + 1 begin. */
  rowField = new Int32Array(1025);
  fieldStart = new Int32Array(8192);
  fieldEnd = new Int32Array(8192);
  /** 1 when the field holds doubled quotes. */
  fieldEscaped = new Uint8Array(8192);
  /** Number of the next line to scan. */
  line = 1;
  /** The row at the returned position is longer than allowed and its first line has no end yet. */
  overlong = false;

  readonly #delimiter: number;
  readonly #quote: number;
  readonly #max: number;
  readonly #end: number;
  readonly #stripCr: boolean;
  #fields = 0;
  #next = 0;

  constructor(dialect: Dialect, lineEnd: LineEnd) {
    this.#delimiter = dialect.delimiter.charCodeAt(0);
    this.#quote = dialect.quote === '' ? -1 : dialect.quote.charCodeAt(0);
    this.#max = dialect.maxRowUnits;
    this.#end = lineEnd === 'lf' ? LF : CR;
    this.#stripCr = lineEnd === 'lf';
  }

  /**
   * Scans complete rows of `units[from, to)`, at most `maxRows`. With `final`, the end of the units ends the last
   * row. Returns the position behind the last complete row.
   */
  scan(units: Units, from: number, to: number, final: boolean, maxRows: number): number {
    this.rows = 0;
    this.#fields = 0;
    this.overlong = false;
    let at = from;
    while (at < to && this.rows < maxRows) {
      if (this.rows + 1 >= this.rowStart.length) this.#growRows();
      const outcome = this.#row(units, at, to, final);
      if (outcome !== ROW.done) {
        this.overlong = outcome === ROW.overlong;
        this.#fields = this.rowField[this.rows] ?? 0;
        break;
      }
      at = this.#next;
    }
    return at;
  }

  /** Position behind the first line end at or after `from`, or -1. */
  lineEndAfter(units: Units, from: number, to: number): number {
    const at = units.indexOf(this.#end, from);
    return at < 0 || at >= to ? -1 : at + 1;
  }

  #row(units: Units, start: number, to: number, final: boolean): number {
    const delimiter = this.#delimiter;
    const quote = this.#quote;
    const end = this.#end;
    const firstField = this.#fields;
    this.rowField[this.rows] = firstField;
    let lines = 0;
    let i = start;
    for (;;) {
      if (quote >= 0 && i < to && units[i] === quote) {
        let j = i + 1;
        let escaped = 0;
        for (; j < to; j += 1) {
          const unit = units[j];
          if (unit === quote) {
            if (j + 1 < to && units[j + 1] === quote) {
              escaped = 1;
              j += 1;
            } else break;
          } else if (unit === end) lines += 1;
        }
        if (j >= to) return this.#open(units, start, to, final);
        if (j + 1 >= to && !final) return this.#open(units, start, to, false);
        this.#field(i + 1, j, escaped);
        const after = j + 1;
        const unit = after < to ? units[after] : -1;
        if (unit === delimiter) {
          i = after + 1;
          if (i >= to && !final) return this.#open(units, start, to, false);
          continue;
        }
        if (unit === -1) return this.#finish(units, start, after, to, lines, to, final);
        if (unit === end) return this.#finish(units, start, after, after + 1, lines + 1, to, final);
        if (unit === CR && this.#stripCr) {
          if (after + 1 >= to) {
            if (!final) return this.#open(units, start, to, false);
            return this.#finish(units, start, after, to, lines, to, final);
          }
          if (units[after + 1] === LF)
            return this.#finish(units, start, after, after + 2, lines + 1, to, final);
        }
        return this.#collapse(units, start, to, final);
      }
      const begin = i;
      while (i < to) {
        const unit = units[i];
        if (unit === delimiter || unit === end) break;
        i += 1;
      }
      if (i >= to && !final) return this.#open(units, start, to, false);
      if (i < to && units[i] === delimiter) {
        this.#field(begin, i, 0);
        i += 1;
        continue;
      }
      const content = this.#stripCr && i > begin && units[i - 1] === CR ? i - 1 : i;
      this.#field(begin, content, 0);
      const ended = i < to;
      return this.#finish(units, start, content, ended ? i + 1 : to, ended ? lines + 1 : lines, to, final);
    }
  }

  #finish(
    units: Units,
    start: number,
    end: number,
    next: number,
    lines: number,
    to: number,
    final: boolean,
  ): number {
    if (end - start > this.#max) return this.#collapse(units, start, to, final);
    this.#next = next;
    if (end === start) {
      this.#fields = this.rowField[this.rows] ?? 0;
      this.line += lines;
      return ROW.done;
    }
    this.#add(start, end, next, lines, FLAW.none);
    return ROW.done;
  }

  /** The units end inside the row. */
  #open(units: Units, start: number, to: number, final: boolean): number {
    return final || to - start > this.#max + 2 ? this.#collapse(units, start, to, final) : ROW.incomplete;
  }

  /** Makes the row its first physical line. */
  #collapse(units: Units, start: number, to: number, final: boolean): number {
    const behind = this.lineEndAfter(units, start, to);
    if (behind < 0 && !final) return to - start > this.#max + 2 ? ROW.overlong : ROW.incomplete;
    const next = behind < 0 ? to : behind;
    let end = behind < 0 ? to : behind - 1;
    if (this.#stripCr && end > start && units[end - 1] === CR) end -= 1;
    this.#fields = this.rowField[this.rows] ?? 0;
    this.#next = next;
    this.#add(start, end, next, behind < 0 ? 0 : 1, end - start > this.#max ? FLAW.tooLong : FLAW.quote);
    return ROW.done;
  }

  #add(start: number, end: number, next: number, lines: number, flaw: number): void {
    const row = this.rows;
    this.rowStart[row] = start;
    this.rowEnd[row] = end;
    this.rowNext[row] = next;
    this.rowLine[row] = this.line;
    this.rowFlaw[row] = flaw;
    this.rowField[row + 1] = this.#fields;
    this.line += lines;
    this.rows = row + 1;
  }

  #field(start: number, end: number, escaped: number): void {
    const field = this.#fields;
    if (field >= this.fieldStart.length) this.#growFields();
    this.fieldStart[field] = start;
    this.fieldEnd[field] = end;
    this.fieldEscaped[field] = escaped;
    this.#fields = field + 1;
  }

  #growRows(): void {
    const size = this.rowStart.length * 2;
    this.rowStart = grown(this.rowStart, new Int32Array(size));
    this.rowEnd = grown(this.rowEnd, new Int32Array(size));
    this.rowNext = grown(this.rowNext, new Int32Array(size));
    this.rowLine = grown(this.rowLine, new Float64Array(size));
    this.rowFlaw = grown(this.rowFlaw, new Uint8Array(size));
    this.rowField = grown(this.rowField, new Int32Array(size + 1));
  }

  #growFields(): void {
    const size = this.fieldStart.length * 2;
    this.fieldStart = grown(this.fieldStart, new Int32Array(size));
    this.fieldEnd = grown(this.fieldEnd, new Int32Array(size));
    this.fieldEscaped = grown(this.fieldEscaped, new Uint8Array(size));
  }
}

function grown<A extends Int32Array | Float64Array | Uint8Array>(from: A, to: A): A {
  to.set(from);
  return to;
}

/**
 * The line end of a file: the first one outside of quotes, or, where a quote is not closed, the first one; `lf` when
 * there is none in the first `limit` units. `null` when more units are needed to tell.
 */
export function detectLineEnd(
  units: Units,
  to: number,
  final: boolean,
  limit: number,
  dialect: Pick<Dialect, 'delimiter' | 'quote'>,
): LineEnd | null {
  const delimiter = dialect.delimiter.charCodeAt(0);
  const quote = dialect.quote === '' ? -1 : dialect.quote.charCodeAt(0);
  const end = Math.min(to, limit);
  let quoted = false;
  let first: LineEnd | null = null;
  for (let i = 0; i < end; i += 1) {
    const unit = units[i];
    if (unit === quote) {
      if (quoted && units[i + 1] === quote) i += 1;
      else quoted = !quoted && (i === 0 || units[i - 1] === delimiter);
      continue;
    }
    if (unit !== LF && unit !== CR) continue;
    if (unit === CR && i + 1 >= to && !final) return null;
    const lineEnd = unit === LF || units[i + 1] === LF ? 'lf' : 'cr';
    if (!quoted) return lineEnd;
    first ??= lineEnd;
  }
  return final || to >= limit ? (first ?? 'lf') : null;
}
