import { describe, expect, test } from 'vitest';
import { csvFormat } from '../testing/fixtures.ts';
import { archiveTargets, isSafeName, PatternMatcher } from './paths.ts';

const csv = csvFormat();
const german = csvFormat({ decimal: ',' });
const matcher = new PatternMatcher({
  archive: '/done',
  files: [
    { match: '/in/special/*.csv', folder: '/in/special', csv: german },
    { match: '/in/**/*.csv', folder: '/in', csv },
  ],
});

test.each(['', '.', '..', 'a/b', 'a\nb', 'a\rb', 'a\0b', 'bad\ufffd'])('the name %j is refused', (name) => {
  expect(isSafeName(name)).toBe(false);
});

test.each(['a.csv', 'Tag export 1 äöü.csv', '..a', '[x]'])('the name %j is fine', (name) => {
  expect(isSafeName(name)).toBe(true);
});

describe('patterns', () => {
  test('match in order', () => {
    expect(matcher.match('/in/special/a.csv')?.csv).toBe(german);
    expect(matcher.match('/in/x/y/a.csv')?.csv).toBe(csv);
    expect(matcher.match('/in/a.txt')).toBeNull();
  });

  test('say how deep to list', () => {
    expect(matcher.folders()).toEqual([
      { folder: '/in/special', depth: 0 },
      { folder: '/in', depth: 10 },
    ]);
  });

  test('are found for what lies in the archive under its old name', () => {
    const archived = archiveTargets('/done', {
      path: '/in/special/a.csv',
      version: 3,
      loadId: '0123456789abcdef',
    });
    expect(archived).toEqual(['/done/a.csv', '/done/a.csv.v3', '/done/a.csv.v3.0123456789abcdef']);
    for (const path of archived) expect(matcher.patternOfTask(path)?.csv).toBe(german);
    expect(matcher.match('/done/a.csv')).toBeNull();
    expect(matcher.patternOfTask('/elsewhere/a.csv')).toBeNull();
  });

  test('are found in the archive also when folders of any name lie between', () => {
    const lines = new PatternMatcher({
      archive: '/done',
      files: [{ match: '/lines/*/out/*.v2', folder: '/lines', csv }],
    });
    expect(lines.patternOfTask('/done/a.v2')?.csv).toBe(csv);
    expect(lines.patternOfTask('/done/a.v2.v3')?.csv).toBe(csv);
    expect(lines.patternOfTask('/done/a.txt')).toBeNull();
  });
});
