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

type Bodies = Pick<LedgerEntry, 'ingest' | 'transform' | 'sink'>;

/** The entries with some counts of theirs changed. */
function changed(
  entries: readonly LedgerEntry[],
  change: { [Body in keyof Bodies]?: Partial<NonNullable<Bodies[Body]>> },
): LedgerEntry[] {
  return entries.map((entry) => ({
    ...entry,
    ingest: entry.ingest && { ...entry.ingest, ...change.ingest },
    transform: entry.transform && { ...entry.transform, ...change.transform },
    sink: entry.sink && { ...entry.sink, ...change.sink },
  }));
}

describe('reconcile does not lie', () => {
  it('when a reader sees a stage before the one in front of it: that is no difference yet', () => {
    // Ledger partitions are read one after the other, so that a later stage may be ahead of an earlier one.
    const ahead = entriesOf({ read: [1], emitted: [1, 2], applied: [1, 2], state: 'open' });
    expect(account(ahead)).toMatchObject({ state: 'open' });
    const others = entriesOf({ read: [1, 2], emitted: [1, 3], applied: [1, 3], state: 'open' });
    expect(account(others)).toMatchObject({ state: 'open' });
    const sinkAhead = entriesOf({ read: [1, 2, 3], emitted: [1, 2], applied: [1, 2, 3] });
    expect(account(sinkAhead)).toMatchObject({ state: 'open' });
    expect(account(sinkAhead).differences).toHaveLength(2);
    // Once the stages in front are complete, more is more.
    const closed = entriesOf({ read: [1], emitted: [1, 2], applied: [1, 2] });
    expect(account(closed).state).toBe('unbalanced');
  });

  it('about counts that stand in one entry: they are complete or wrong, never behind', () => {
    const good = entriesOf({ read: [1, 2], emitted: [1, 2], applied: [1, 2] });
    expect(account(changed(good, { ingest: { rows: rows(1, 2, 3) } })).state).toBe('unbalanced');
    expect(account(changed(good, { sink: { inserted: 1 } })).state).toBe('unbalanced');
    // Accepted means emitted at least once.
    const lost = changed(entriesOf({ read: [1, 2], emitted: [1], applied: [1] }), {
      transform: { accepted: rows(1, 2) },
    });
    expect(account(lost)).toMatchObject({ state: 'unbalanced' });
    expect(account(lost).differences).toEqual(['accepted ≤ emitted: 2 > 1']);
  });

  it('about a replay that resolved what nobody had rejected', () => {
    const other = entriesOf({ read: [1, 2], rejected: [2], resolved: [3], emitted: [1, 3], applied: [1, 3] });
    expect(account(other)).toMatchObject({ state: 'unbalanced' });
    const twice = entriesOf({
      read: [1, 2],
      rejected: [2],
      resolved: [2, 2],
      emitted: [1, 2, 2],
      applied: [1, 2, 2],
    });
    expect(account(twice)).toMatchObject({ state: 'unbalanced', openRejects: 0 });
    // Too much at one stage does not pay for an open reject of another.
    const both = entriesOf({
      read: [1, 2, 3],
      badAtSource: [3],
      rejected: [2],
      resolved: [2, 2],
      emitted: [1, 2, 2],
      applied: [1, 2, 2],
    });
    expect(account(both)).toMatchObject({ state: 'unbalanced', openRejects: 1 });
  });

  it('about a reject of the source that its replay brought to the next reject', () => {
    const again = changed(
      entriesOf({ read: [1, 2], badAtSource: [2], rejected: [2], emitted: [1], applied: [1] }),
      {
        ingest: { resolved: rows(2) },
      },
    );
    expect(account(again)).toMatchObject({ state: 'balancedWithRejects', openRejects: 1 });
    const settled = changed(
      entriesOf({
        read: [1, 2],
        badAtSource: [2],
        rejected: [2],
        resolved: [2],
        emitted: [1, 2],
        applied: [1, 2],
      }),
      { ingest: { resolved: rows(2) } },
    );
    expect(account(settled)).toMatchObject({ state: 'balanced', openRejects: 0 });
  });

  it('about rejects of a sink that owes nothing: they lie in the dead letters all the same', () => {
    const start = ledgerEntry(
      { pipeline: 'p', loadId: NO_LOAD, stage: 'sink.db', partition: 0, part: 0, at: 1 },
      { sinkStart: { output: 'clean', offset: 11 } },
    );
    const entries = changed(entriesOf({ read: [1, 2], emitted: [1, 2], applied: [], first: 10 }), {
      sink: { rejected: rows(2) },
    });
    expect(account([...entries, start])).toMatchObject({ state: 'balancedWithRejects', openRejects: 1 });
  });

  it('about an output whose name every object has', () => {
    const [load] = reconcile(
      entriesOf({ read: [1], emitted: [1], applied: [] }).map((entry) => ({
        ...entry,
        transform: entry.transform && {
          ...entry.transform,
          emitted: { constructor: entry.transform.emitted.clean ?? { tally: rows(), first: {} } },
        },
      })),
      () => [{ name: 'db', output: 'constructor' }],
    );
    expect(load).toMatchObject({ state: 'open' });
    const [none] = reconcile(entriesOf({ read: [], emitted: [], applied: [] }).slice(0, 1), () => [
      { name: 'db', output: 'constructor' },
    ]);
    expect(none).toMatchObject({ state: 'balanced', differences: [] });
  });

  it('about nothing: a file without rows is balanced at once, an abandoned one keeps its rejects in sight', () => {
    const empty = entriesOf({ read: [], emitted: [], applied: [] }).slice(0, 1);
    expect(account(empty)).toMatchObject({ state: 'balanced', openRejects: 0 });
    const abandoned = entriesOf({
      read: [1, 2],
      badAtSource: [2],
      emitted: [1],
      applied: [1],
      state: 'abandoned',
    });
    expect(account(abandoned)).toMatchObject({ state: 'abandoned', openRejects: 1 });
  });

  it('when a load has very many parts', () => {
    const entry = entriesOf({ read: [], emitted: [], applied: [] })[1];
    const parts = Array.from({ length: 150_000 }, (_, part) => ({ ...entry, part }) as LedgerEntry);
    expect(account(parts).at).toBe(1);
  });
});
