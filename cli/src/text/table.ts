import type { Style } from './style.ts';

export interface Column<Row> {
  readonly title: string;
  readonly align?: 'left' | 'right';
  readonly text: (row: Row) => string;
  /** Colour of a cell; put on after padding, so that it does not count as width. */
  readonly paint?: (row: Row, style: Style) => (text: string) => string;
  /** Longest text; what is longer loses its middle, since ends of paths tell most. */
  readonly max?: number;
}

/** Aligned lines, the first one the titles. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], style: Style): string[] {
  const cells = rows.map((row) => columns.map((column) => shorten(oneLine(column.text(row)), column.max)));
  const widths = columns.map((column, at) =>
    Math.max(width(column.title), ...cells.map((texts) => width(texts[at] ?? ''))),
  );
  const line = (texts: readonly string[], paintOf: (at: number) => (text: string) => string): string =>
    texts
      .map((text, at) => {
        const last = at === texts.length - 1;
        return paintOf(at)(pad(text, widths[at] ?? 0, columns[at]?.align ?? 'left', last));
      })
      .join('  ');
  return [
    line(
      columns.map(({ title }) => title),
      () => style.dim,
    ),
    ...rows.map((row, index) =>
      line(cells[index] ?? [], (at) => columns[at]?.paint?.(row, style) ?? ((text) => text)),
    ),
  ];
}

/** Cells a terminal uses for it, near enough: code points of the composed form. */
function width(text: string): number {
  return [...text.normalize('NFC')].length;
}

function pad(text: string, to: number, align: 'left' | 'right', last: boolean): string {
  const room = ' '.repeat(Math.max(0, to - width(text)));
  if (align === 'right') return room + text;
  return last ? text : text + room;
}

// A name with a line break or an escape sequence must not draw on the operator's terminal.
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it removes
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '·');
}

/** Without its middle, when it is longer than `max`. */
export function shorten(text: string, max: number | undefined): string {
  const letters = [...text];
  if (max === undefined || letters.length <= max) return text;
  const tail = Math.ceil((max - 1) / 2);
  return `${letters.slice(0, max - 1 - tail).join('')}…${letters.slice(-tail).join('')}`;
}

/** Text from outside on one line, safe for a terminal. */
export function safeText(text: string): string {
  return oneLine(text);
}
