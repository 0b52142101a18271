import { describe, expect, test } from 'vitest';
import { formatAge, formatBytes, formatCount, plural } from './quantity.ts';
import { NO_STYLE, paintState, styleFor } from './style.ts';
import { type Column, table } from './table.ts';

interface Row {
  name: string;
  n: number;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'NAME', text: (row) => row.name, max: 12 },
  { title: 'N', align: 'right', text: (row) => formatCount(row.n) },
];

describe('table', () => {
  test('aligns text left and numbers right', () => {
    const rows = [
      { name: 'a', n: 1 },
      { name: 'öä', n: 12_345 },
    ];
    expect(table(rows, COLUMNS, NO_STYLE)).toEqual(['NAME       N', 'a          1', 'öä    12,345']);
  });

  test('keeps both ends of what is too long', () => {
    expect(table([{ name: '/exports/long-name.csv', n: 1 }], COLUMNS, NO_STYLE)[1]).toBe('/expo…me.csv  1');
  });

  test('lets no control character of a file name through', () => {
    const line = table([{ name: 'a\u001b[2Jb\n', n: 1 }], COLUMNS, NO_STYLE)[1];
    expect(line).toBe('a·[2Jb·  1');
  });

  test('colour does not count as width', () => {
    const columns = [
      {
        ...COLUMNS[0],
        title: 'NAME',
        text: (row: Row) => row.name,
        paint: () => (text: string) => `<${text}>`,
      },
    ];
    const style = styleFor(false, undefined);
    expect(
      table(
        [
          { name: 'a', n: 1 },
          { name: 'bbbbbb', n: 1 },
        ],
        [...columns, ...COLUMNS.slice(1)],
        style,
      )[1],
    ).toBe('<a     >  1');
  });
});

describe('quantities', () => {
  test('counts are grouped', () => {
    expect([0, 999, 1000, 1_234_567].map(formatCount)).toEqual(['0', '999', '1,000', '1,234,567']);
    expect(formatCount(9_007_199_254_740_993n)).toBe('9,007,199,254,740,993');
  });

  test('ages have one unit', () => {
    expect([0, 999, 12_000, 61_000, 3_600_000, 2 * 86_400_000].map(formatAge)).toEqual([
      '0 s',
      '0 s',
      '12 s',
      '1 min',
      '1 h',
      '2 d',
    ]);
  });

  test('bytes and nouns', () => {
    expect([5, 1024, 1.5 * 1024 * 1024].map(formatBytes)).toEqual(['5 B', '1.0 KiB', '1.5 MiB']);
    expect([plural(1, 'file'), plural(2_000, 'file')]).toEqual(['1 file', '2,000 files']);
  });
});

describe('colour', () => {
  test('only on a terminal, and not with NO_COLOR', () => {
    expect(styleFor(true, undefined).bad('x')).toBe('\u001b[31mx\u001b[39m');
    expect(styleFor(true, '').bad('x')).toBe('\u001b[31mx\u001b[39m');
    expect(styleFor(true, '1').bad('x')).toBe('x');
    expect(styleFor(false, undefined).bad('x')).toBe('x');
    expect(paintState(styleFor(true, undefined), 'unbalanced')('x')).toBe('\u001b[31mx\u001b[39m');
  });
});
