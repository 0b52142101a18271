import type { LoadAccount } from '@millrace/contracts';
import { emptyTally } from '@millrace/core';
import { describe, expect, test } from 'vitest';
import { check, equal } from './plan.ts';
import { progressText } from './progress.ts';
import { byPath, isWell, loadLine, type Outcome, outcomeJson } from './report.ts';

const tally = (n: number) => ({ ...emptyTally(), n });

function load(over: Partial<LoadAccount>): LoadAccount {
  return {
    pipeline: 'historian',
    loadId: '0123456789abcdef',
    source: 'historian',
    path: '/exports/a.csv',
    version: 1,
    size: 0,
    mtimeMs: 0,
    sourceState: 'published',
    reason: null,
    sha256: null,
    at: 0,
    rows: tally(10),
    published: tally(9),
    rejectedAtSource: tally(1),
    resolvedAtSource: tally(0),
    accepted: tally(7),
    duplicates: tally(2),
    filtered: tally(0),
    rejected: tally(0),
    resolved: tally(0),
    emitted: { clean: tally(7) },
    sinks: {
      tagdata: {
        output: 'clean',
        owes: true,
        applied: tally(4),
        inserted: 4,
        updated: 0,
        unchanged: 0,
        superseded: 0,
        rejected: tally(0),
        resolved: tally(0),
      },
    },
    openRejects: 1,
    state: 'balancedWithRejects',
    differences: [],
    ...over,
  };
}

const outcome = (over: Partial<Outcome>): Outcome => ({
  loads: [load({})],
  checks: [equal('rows', 1, 1)],
  seconds: 12.345,
  rejects: [],
  targets: { TagData: 4 },
  ...over,
});

describe('the end of a run', () => {
  test('is well only when every load balances and every check holds', () => {
    expect(isWell(outcome({}))).toBe(true);
    expect(isWell(outcome({ loads: [] }))).toBe(false);
    expect(isWell(outcome({ checks: [check('values', false, '3 differ')] }))).toBe(false);
    for (const state of ['open', 'unbalanced', 'abandoned'] as const) {
      expect(isWell(outcome({ loads: [load({}), load({ state })] }))).toBe(false);
    }
  });

  test('is one document with the counts of the design', () => {
    expect(outcomeJson(outcome({}))).toMatchObject({
      balanced: true,
      seconds: 12.3,
      loads: [{ pipeline: 'historian', source: '/exports/a.csv', rows: 10, emitted: { clean: 7 } }],
      targets: { TagData: 4 },
    });
  });

  test('shows loads by file, a second delivery behind the first', () => {
    const loads = [load({ path: '/b' }), load({ path: '/a', version: 2 }), load({ path: '/a' })];
    expect(byPath(loads).map(({ path, version }) => `${path} ${version}`)).toEqual(['/a 1', '/a 2', '/b 1']);
  });
});

test('what became of a file is one line, with what was and without what was not', () => {
  expect(loadLine(load({}))).toBe(
    '/exports/a.csv: balancedWithRejects: 10 rows, 4 inserted, 2 duplicates, 1 rejected' +
      ' · npx millrace load 0123456789abcdef',
  );
});

test('progress counts the rows of which it is known where they ended', () => {
  const text = progressText([load({ state: 'open' })], { loads: 22, rows: 1_000 }, 3.2);
  expect(text).toBe('0 of 22 loads · 9 of 1,000 rows published · 7 accounted for · 3 s');
});

test('a check says what was found only where it does not hold', () => {
  expect(equal('rows', 3, 4_000)).toEqual({ what: 'rows = 4,000', holds: false, found: 'found 3' });
  expect(equal('rows', 4, 4).found).toBe('');
});
