import type { CsvFormat, RecordField } from '@millrace/config';
import type { Reason, RecordValue } from '@millrace/core';
import { type Conversion, conversionFor } from './conversions.ts';
import { FormatProblem, UNREADABLE } from './csv-reader.ts';

interface Column {
  readonly index: number;
  readonly name: string;
  readonly from: string;
  readonly optional: boolean;
  readonly keepsEmpty: boolean;
  readonly conversion: Conversion;
}

/**
 * Maps the columns of one file to the fields of the record.
 * @throws FormatProblem when the file lacks a column, has it twice, or has one that it must not have
 */
export class RowMapper {
  readonly #columns: readonly Column[];
  readonly #width: number;
  readonly #nulls: ReadonlySet<string>;
  readonly #emptyIsNull: boolean;
  readonly #maxRowBytes: number;

  constructor(
    fields: readonly RecordField[],
    format: CsvFormat,
    header: readonly string[],
    headerLine: number,
  ) {
    const names = header.map((name) => name.trim());
    this.#width = names.length;
    this.#nulls = new Set(format.nulls.filter((text) => text !== ''));
    this.#emptyIsNull = format.nulls.includes('');
    this.#maxRowBytes = format.maxRowBytes;
    this.#columns = fields.map((field) => ({
      index: indexOf(names, field.from, headerLine),
      name: field.name,
      from: field.from,
      optional: field.optional,
      keepsEmpty: field.type.kind === 'string',
      conversion: conversionFor(field.type, format),
    }));
    if (format.extraColumns === 'reject') {
      const known = new Set(fields.map((field) => field.from));
      const extra = names.find((name) => !known.has(name));
      if (extra !== undefined) {
        const message = `line ${headerLine}: column "${short(extra)}" is not one that the record names`;
        throw new FormatProblem('MR-FILE-COLUMN-EXTRA', message);
      }
    }
  }

  /**
   * Fills `record` from the texts of one row. `count` is their number or a flaw of `UNREADABLE`. Returns null, or
   * why the row is rejected.
   */
  map(texts: readonly string[], count: number, record: RecordValue): Reason | null {
    if (count !== this.#width) return this.#wrongShape(count);
    for (const column of this.#columns) {
      const text = texts[column.index] ?? '';
      const empty = text === '';
      if (empty ? this.#emptyIsNull || !column.keepsEmpty : this.#nulls.has(text)) {
        if (!column.optional) return reason('MR-ROW-MISSING', `${column.from} has no value`, column.name);
        record[column.name] = null;
        continue;
      }
      const value = column.conversion.convert(text);
      if (value === undefined) {
        const { code, message } = column.conversion;
        return reason(code, `${column.from}: ${message}`, column.name);
      }
      record[column.name] = value;
    }
    return null;
  }

  #wrongShape(count: number): Reason {
    switch (count) {
      case UNREADABLE.quote:
        return { code: 'MR-ROW-QUOTE', message: 'a quoted field is not closed, or text follows its end' };
      case UNREADABLE.tooLong:
        return { code: 'MR-ROW-TOO-LONG', message: `the row is longer than ${this.#maxRowBytes} bytes` };
      case UNREADABLE.encoding:
        return { code: 'MR-ROW-ENCODING', message: 'the row holds bytes that its encoding does not know' };
      default:
        return {
          code: 'MR-ROW-COLUMNS',
          message: `the row has ${count} fields, the file has ${this.#width} columns`,
        };
    }
  }
}

function reason(code: string, message: string, field: string): Reason {
  return { code, message, field };
}

function indexOf(names: readonly string[], wanted: string, line: number): number {
  const index = names.indexOf(wanted);
  if (index < 0) {
    const message = `line ${line}: column "${short(wanted)}" is missing`;
    throw new FormatProblem('MR-FILE-COLUMN-MISSING', message);
  }
  if (names.includes(wanted, index + 1)) {
    throw new FormatProblem('MR-FILE-COLUMN-TWICE', `line ${line}: column "${short(wanted)}" is there twice`);
  }
  return index;
}

function short(name: string): string {
  return name.length > 80 ? `${name.slice(0, 80)}…` : name;
}
