import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { referenceFiles } from './files.ts';

const ROOT = join(import.meta.dirname, '../../../..');

test.each(referenceFiles())('$path is what `npm run gen` writes', ({ path, text }) => {
  expect(readFileSync(join(ROOT, path), 'utf8')).toBe(text);
});

test('every key and variable has a meaning', () => {
  for (const { text } of referenceFiles()) {
    const rows = text.split('\n').filter((line) => line.startsWith('| `'));
    expect(rows.filter((row) => /\|\s*\|$/.test(row))).toEqual([]);
  }
});
