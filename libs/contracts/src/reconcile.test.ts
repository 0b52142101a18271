import { countRow, emptyTally, formatTally, loadSeed } from '@millrace/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LedgerEntry } from './generated/ledger-entry.ts';
import { ledgerEntry, NO_LOAD } from './ledger.ts';
import { type LoadAccount, reconcile } from './reconcile.ts';

const LOAD = '0123456789abcdef';
const SINKS = [{ name: 'db', output: 'clean' }];

function rows(...ordinals: readonly number[]): string {
  const tally = emptyTally();
  const seed = loadSeed(LOAD);
  for (const row of ordinals) countRow(tally, seed, row);
  return formatTally(tally);
}

interface Story {
  readonly read: readonly number[];
  readonly badAtSource?: readonly number[];
  readonly duplicates?: readonly number[];
  readonly rejected?: readonly number[];
  readonly emitted: readonly number[];
  readonly applied: readonly number[];
  readonly state?: string;
  readonly resolved?: readonly number[];
  readonly first?: number;
}

function entriesOf(story: Story): LedgerEntry[] {
  const place = { pipeline: 'p', loadId: LOAD, partition: 0, part: 0, at: 1 };
  const bad = story.badAtSource ?? [];
  return [
    ledgerEntry(
      { ...place, stage: 'ingest' },
      {
        ingest: {
          source: 's',
          path: '/f',
          size: 1,
          mtimeMs: 1,
          version: 1,
          state: story.state ?? 'published',
          rows: rows(...story.read),
          published: rows(...story.read.filter((row) => !bad.includes(row))),
          rejected: rows(...bad),
          resolved: rows(),
          sha256: null,
          reason: null,
        },
      },
    ),
    ledgerEntry(
      { ...place, stage: 'transform' },
      {
        transform: {
          accepted: rows(...story.emitted.filter((row) => !(story.resolved ?? []).includes(row))),
          duplicates: rows(...(story.duplicates ?? [])),
          filtered: rows(),
          rejected: rows(...(story.rejected ?? [])),
          resolved: rows(...(story.resolved ?? [])),
          emitted: { clean: { tally: rows(...story.emitted), first: { '0': story.first ?? 0 } } },
        },
      },
    ),
    ledgerEntry(
      { ...place, stage: 'sink.db' },
      {
        sink: {
          output: 'clean',
          applied: rows(...story.applied),
          inserted: story.applied.length,
          updated: 0,
          unchanged: 0,
          superseded: 0,
          rejected: rows(),
          resolved: rows(),
        },
      },
    ),
  ];
}

function account(entries: readonly LedgerEntry[]): LoadAccount {
  const [only] = reconcile(entries, () => SINKS);
  if (!only) throw new Error('no account');
  return only;
}

describe('reconcile', () => {
  it('balances what was read with what was loaded, duplicates and rejects', () => {
    const load = account(
      entriesOf({ read: [1, 2, 3, 4], duplicates: [3], emitted: [1, 2, 4], applied: [1, 2, 4] }),
    );
    expect(load).toMatchObject({ state: 'balanced', openRejects: 0, differences: [] });
  });

  it('names rejects, wherever they were', () => {
    const load = account(
      entriesOf({ read: [1, 2, 3, 4], badAtSource: [1], rejected: [2], emitted: [3, 4], applied: [3, 4] }),
    );
    expect(load).toMatchObject({ state: 'balancedWithRejects', openRejects: 2 });
  });

  it('is balanced again when the rejects were resolved by replays', () => {
    const load = account(
      entriesOf({ read: [1, 2], rejected: [2], resolved: [2], emitted: [1, 2], applied: [1, 2] }),
    );
    expect(load).toMatchObject({ state: 'balanced', openRejects: 0 });
  });

  it('stays open while a stage is behind', () => {
    const load = account(entriesOf({ read: [1, 2], emitted: [1, 2], applied: [1] }));
    expect(load.state).toBe('open');
    expect(load.differences).toEqual(['emitted.clean = db: applied + rejected: 2 ≠ 1']);
  });

  it('stays open while the source is being read, even when everything so far agrees', () => {
    expect(account(entriesOf({ read: [1], emitted: [1], applied: [1], state: 'open' })).state).toBe('open');
  });

  it('shows one lost and one doubled row as unbalanced', () => {
    const load = account(entriesOf({ read: [1, 2, 3], emitted: [1, 2, 3], applied: [1, 2, 2] }));
    expect(load.state).toBe('unbalanced');
    expect(load.differences[0]).toContain('same count, other rows');
  });

  it('shows a doubled row as unbalanced', () => {
    expect(account(entriesOf({ read: [1, 2], emitted: [1, 2], applied: [1, 2, 2] })).state).toBe(
      'unbalanced',
    );
  });

  it('calls an abandoned load abandoned once what it published is accounted for', () => {
    expect(account(entriesOf({ read: [1], emitted: [1], applied: [1], state: 'abandoned' })).state).toBe(
      'abandoned',
    );
    expect(account(entriesOf({ read: [1], emitted: [1], applied: [], state: 'abandoned' })).state).toBe(
      'open',
    );
  });

  it('waits for a sink that has said nothing yet', () => {
    const entries = entriesOf({ read: [1], emitted: [1], applied: [1] }).filter((entry) => !entry.sink);
    expect(account(entries).state).toBe('open');
  });

  it('asks nothing of a sink that started behind the load', () => {
    const start = (offset: number): LedgerEntry =>
      ledgerEntry(
        { pipeline: 'p', loadId: NO_LOAD, stage: 'sink.db', partition: 0, part: 0, at: 1 },
        { sinkStart: { output: 'clean', offset } },
      );
    const entries = entriesOf({ read: [1], emitted: [1], applied: [], first: 10 });
    expect(account([...entries, start(11)]).state).toBe('balanced');
    expect(account([...entries, start(10)]).state).toBe('open');
  });

  it('adds partitions and parts up in any order', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6 }), (order) => {
        const one = entriesOf({ read: [1, 2], emitted: [1, 2], applied: [1, 2] });
        const two = entriesOf({ read: [3], emitted: [3], applied: [3] }).map((entry) => ({
          ...entry,
          partition: 1,
          part: 7,
        }));
        const all = [...one, ...two];
        const shuffled = order.map((i) => all[i]).filter((entry) => entry !== undefined);
        expect(account(shuffled)).toMatchObject({ state: 'balanced', rows: { n: 3 } });
      }),
    );
  });
});
