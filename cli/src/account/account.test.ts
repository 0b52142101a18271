import { type LedgerEntry, type LoadAccount, ledgerEntry, reconcile } from '@millrace/contracts';
import { countRow, emptyTally, formatTally, loadSeed } from '@millrace/core';
import { describe, expect, test } from 'vitest';
import { NO_STYLE } from '../text/style.ts';
import { equationsOf } from './equations.ts';
import { expectedSinks } from './expected-sinks.ts';
import { loadJson } from './load-json.ts';
import { equationLines, loadsTable, newestFirst } from './loads-table.ts';

const LOAD = '0123456789abcdef';
const SINKS = [{ name: 'tagdata', output: 'clean' }];

/** The tally of some rows of the load. */
function rows(...ordinals: number[]): string {
  const tally = emptyTally();
  for (const row of ordinals) countRow(tally, loadSeed(LOAD), row);
  return formatTally(tally);
}

const NONE = rows();
const place = (
  stage: string,
): Pick<LedgerEntry, 'pipeline' | 'loadId' | 'stage' | 'partition' | 'part' | 'at'> => ({
  pipeline: 'historian',
  loadId: LOAD,
  stage,
  partition: 0,
  part: 0,
  at: 1_000,
});

/** Five rows: one rejected at the source, one duplicate, one rejected by the sink, two in the table. */
function entries(applied: string): LedgerEntry[] {
  return [
    ledgerEntry(place('ingest'), {
      ingest: {
        source: 'historian',
        path: '/exports/a b.csv',
        size: 10,
        mtimeMs: 0,
        version: 1,
        state: 'published',
        rows: rows(1, 2, 3, 4, 5),
        published: rows(1, 2, 3, 4),
        rejected: rows(5),
        resolved: NONE,
        sha256: null,
        reason: null,
      },
    }),
    ledgerEntry(place('transform'), {
      transform: {
        accepted: rows(1, 2, 3),
        duplicates: rows(4),
        filtered: NONE,
        rejected: NONE,
        resolved: NONE,
        emitted: { clean: { tally: rows(1, 2, 3), first: { '0': 7 } } },
      },
    }),
    ledgerEntry(place('sink.tagdata'), {
      sink: {
        output: 'clean',
        applied,
        inserted: 1,
        updated: 0,
        unchanged: 1,
        superseded: 0,
        rejected: rows(3),
        resolved: NONE,
      },
    }),
  ];
}

function account(applied: string): LoadAccount {
  const [only] = reconcile(entries(applied), () => SINKS);
  if (!only) throw new Error('no account');
  return only;
}

describe('equations', () => {
  test('each with its numbers, in the order of the data path', () => {
    const load = account(rows(1, 2));
    expect(load.state).toBe('balancedWithRejects');
    expect(equationLines(load, NO_STYLE)).toEqual([
      '  ✓  source        rows 5 = published 4 + rejected 1',
      '  ✓  transform     published 4 = accepted 3 + duplicates 1 + filtered 0 + rejected 0',
      '  ✓  sink tagdata  emitted to clean 3 = applied 2 + rejected 1',
      '  ✓  sink tagdata  applied 2 = inserted 1 + updated 0 + unchanged 1 + superseded 0',
    ]);
  });

  test('one lost and one doubled is broken although the counts agree', () => {
    const load = account(rows(1, 1));
    expect(load.state).toBe('unbalanced');
    expect(equationsOf(load)[2]).toMatchObject({
      standing: 'broken',
      difference: 'same count, other rows: one lost and one doubled',
    });
  });

  test('what is still under way is behind, not broken', () => {
    const standings = equationsOf(account(rows(1))).map(({ standing, difference }) => [standing, difference]);
    expect(standings[2]).toEqual(['behind', '1 still missing']);
    expect(standings[3]).toEqual(['broken', '1 too many']);
  });

  test('they say the same as the reconciliation', () => {
    for (const applied of [rows(1, 2), rows(1, 1), rows(1), rows(1, 2, 4)]) {
      const load = account(applied);
      const wrong = equationsOf(load).filter(({ standing }) => standing !== 'holds');
      expect(wrong).toHaveLength(load.differences.length);
    }
  });
});

describe('loads', () => {
  test('table with what each sink did, and a summary', () => {
    const lines = loadsTable([account(rows(1, 2))], 61_000, NO_STYLE);
    expect(lines[1]).toBe(
      '0123456789abcdef  /exports/a b.csv  balancedWithRejects     5          4         3           1         0         2  1 inserted, 1 unchanged, 1 rejected  1 min',
    );
    expect(lines.at(-1)).toBe('1 load, 5 rows: 1 balancedWithRejects');
  });

  test('a later delivery of a path is told apart', () => {
    const [, line] = loadsTable([{ ...account(rows(1, 2)), version: 2 }], 0, NO_STYLE);
    expect(line).toContain('/exports/a b.csv (2)');
  });

  test('JSON has the counts of the design', () => {
    expect(loadJson(account(rows(1, 2)))).toEqual({
      pipeline: 'historian',
      load: LOAD,
      source: '/exports/a b.csv',
      state: 'balancedWithRejects',
      rows: 5,
      rejectedAtSource: 1,
      published: 4,
      accepted: 3,
      duplicates: 1,
      filtered: 0,
      rejected: 0,
      emitted: { clean: 3 },
      sinks: { tagdata: { inserted: 1, updated: 0, unchanged: 1, superseded: 0, rejected: 1 } },
    });
  });

  test('newest first', () => {
    const load = account(rows(1, 2));
    expect(
      newestFirst([
        { ...load, at: 1 },
        { ...load, at: 2 },
      ]).map(({ at }) => at),
    ).toEqual([2, 1]);
  });
});

describe('expected sinks', () => {
  test('of the file where there is one, else those the ledger has seen', () => {
    const seen = entries(rows(1, 2));
    expect(expectedSinks(new Map(), seen)('historian')).toEqual(SINKS);
    expect(expectedSinks(new Map([['historian', []]]), seen)('historian')).toEqual([]);
    expect(expectedSinks(new Map(), seen)('other')).toEqual([]);
  });
});
