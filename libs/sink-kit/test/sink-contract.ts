import { emptyTally, type RecordValue } from '@millrace/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accountRun } from '../src/account.ts';
import type { SinkRow } from '../src/port.ts';
import {
  type Context,
  type ContractHarness,
  claimOf,
  failure,
  LOAD,
  type Made,
  NOTE_LENGTH,
  OTHER,
  outcomes,
  rowsOf,
  TOPIC,
  write,
} from './contract-parts.ts';
import { createCuttingProxy } from './cutting-proxy.ts';

/** The contract of `SinkTarget`, to be run for each adapter against its real server. */
export function sinkContract(name: string, open: () => Promise<ContractHarness>): void {
  describe(`sink contract: ${name}`, () => {
    let harness: ContractHarness;
    beforeAll(async () => {
      harness = await open();
    });
    afterAll(() => harness?.close());
    const context: Context = {
      table: (mode = 'merge', options = { uniqueCode: false }) => harness.table(mode, options),
      proxy: () => createCuttingProxy(harness.address),
    };
    describe('position', () => positionContract(context));
    describe('merge', () => mergeContract(context));
    describe('bad rows', () => badRowContract(context));
    describe('faults', () => faultContract(context));
  });
}

function positionContract({ table }: Context): void {
  it('begins at the start of the log and goes on where it stopped', async () => {
    const fresh = await table();
    const first = await claimOf(fresh);
    expect(first.position).toMatchObject({
      next: 100,
      countedThrough: 100,
      startOffset: 100,
      ledgerThrough: 100,
    });
    await write(first, rowsOf([{}, {}]), { from: 100, to: 103, ledgerThrough: 0 });
    await first.skip({ from: 103, to: 104, ledgerThrough: 103 });
    await first.release();
    const second = await claimOf(fresh);
    expect(second.position).toMatchObject({
      next: 104,
      countedThrough: 104,
      startOffset: 100,
      ledgerThrough: 103,
    });
    expect(await second.unpublished()).toEqual([]);
    await second.release();
  });

  it('fences the earlier session, which then changes nothing', async () => {
    const fresh = await table();
    const old = await claimOf(fresh);
    await old.stage(rowsOf([{}]));
    const young = await claimOf(fresh);
    const error = await failure(write(old, rowsOf([{}]), { from: 100, to: 101 }));
    expect(error.kind).toBe('fenced');
    expect(await fresh.rows()).toEqual([]);
    await write(young, rowsOf([{ note: 'mine' }]), { from: 100, to: 101 });
    expect(await fresh.rows()).toEqual([['t0', 1, 'mine', LOAD, 1]]);
    await Promise.all([old.release(), young.release()]);
  });

  it('confirms its position while it is idle, until it was rewound or claimed', async () => {
    const fresh = await table();
    const session = await claimOf(fresh);
    await write(session, rowsOf([{}]), { from: 100, to: 101 });
    await session.confirm(101);
    expect((await failure(session.confirm(100))).kind).toBe('fenced');
    await fresh.rewind(TOPIC, 100);
    expect((await failure(session.confirm(101))).kind).toBe('fenced');
    const young = await claimOf(fresh);
    expect((await failure(session.confirm(100))).kind).toBe('fenced');
    await young.confirm(100);
    await Promise.all([session.release(), young.release()]);
  });

  it('refuses a batch that does not begin at the position', async () => {
    const fresh = await table();
    const session = await claimOf(fresh);
    expect((await failure(write(session, rowsOf([{}]), { from: 99, to: 101 }))).kind).toBe('fenced');
    expect(await fresh.rows()).toEqual([]);
    await session.release();
  });

  it('gives the partition to exactly one of five that claim at once, on an empty database', async () => {
    const fresh = await table();
    const sessions = await Promise.all([1, 2, 3, 4, 5].map(() => claimOf(fresh)));
    const ends = await Promise.allSettled(
      sessions.map((session, i) => write(session, rowsOf([{ note: `by ${i}` }]), { from: 100, to: 101 })),
    );
    expect(ends.filter((end) => end.status === 'fulfilled')).toHaveLength(1);
    expect(await fresh.rows()).toHaveLength(1);
    await Promise.all(sessions.map((session) => session.release()));
  });

  it('halts for another cluster or layout and leaves the owner alone', async () => {
    const fresh = await table();
    const owner = await claimOf(fresh);
    expect((await failure(claimOf(fresh, { clusterId: 'c2' }))).code).toBe('MR-SINK-OTHER-CLUSTER');
    expect((await failure(claimOf(fresh, { layoutHash: 'l2' }))).code).toBe('MR-SINK-LAYOUT');
    await write(owner, rowsOf([{}]), { from: 100, to: 101 });
    expect(await fresh.rows()).toHaveLength(1);
    await owner.release();
  });

  it('records a gap once', async () => {
    const fresh = await table();
    const session = await claimOf(fresh);
    await session.recordGap(100, 150);
    await session.recordGap(100, 150);
    expect(await fresh.gaps()).toBe(1);
    await session.release();
  });
}

function mergeContract({ table }: Context): void {
  it('keeps the highest version, in whichever order it comes, and counts what happened', async () => {
    const fresh = await table();
    const session = await claimOf(fresh);
    const young = rowsOf([{ tag: 'a', rev: 2, note: 'new' }], OTHER);
    const old = rowsOf([
      { tag: 'a', rev: 1, note: 'old' },
      { tag: 'b', rev: 1, note: 'only' },
    ]);
    expect(outcomes(await write(session, young, { from: 100, to: 101 }))).toEqual([
      { loadId: OTHER, inserted: 1, updated: 0, unchanged: 0, superseded: 0 },
    ]);
    expect(outcomes(await write(session, old, { from: 101, to: 103 }))).toEqual([
      { loadId: LOAD, inserted: 1, updated: 0, unchanged: 1, superseded: 0 },
    ]);
    const newest = rowsOf(
      [
        { tag: 'b', rev: 3, note: 'newest' },
        { tag: 'b', rev: 2 },
        { tag: 'b', rev: 3, note: 'later row' },
      ],
      OTHER,
    );
    expect(outcomes(await write(session, newest, { from: 103, to: 106 }))).toEqual([
      { loadId: OTHER, inserted: 1, updated: 1, unchanged: 0, superseded: 2 },
    ]);
    expect(await fresh.rows()).toEqual([
      ['a', 2, 'new', OTHER, 1],
      ['b', 3, 'later row', OTHER, 3],
    ]);
    await session.release();
  });

  it('orders by file time, then load, then row, and takes null for lowest', async () => {
    const fresh = await table();
    const session = await claimOf(fresh);
    const steps: [SinkRow[], string][] = [
      [rowsOf([{ tag: 'a', rev: null, note: 'no version' }], OTHER, 9_000), 'no version'],
      [rowsOf([{ tag: 'a', rev: 1, note: 'no time' }], LOAD, null), 'no time'],
      [rowsOf([{ tag: 'a', rev: null, note: 'null again' }], OTHER, 9_999), 'no time'],
      [rowsOf([{ tag: 'a', rev: 1, note: 'early' }], LOAD, -5_000), 'early'],
      [rowsOf([{ tag: 'a', rev: 1, note: 'late' }], LOAD, 5_000), 'late'],
      [rowsOf([{ tag: 'a', rev: 1, note: 'other load' }], OTHER, 5_000), 'other load'],
      [rowsOf([{ tag: 'a', rev: 1, note: 'lower load' }], LOAD, 5_000), 'other load'],
    ];
    let from = 100;
    for (const [rows, expected] of steps) {
      await write(session, rows, { from, to: from + 1 });
      expect((await fresh.rows())[0]?.[2]).toBe(expected);
      from += 1;
    }
    await session.release();
  });

  it('adds tallies up per load, and counts a replay as resolved only', async () => {
    const fresh = await table();
    const session = await claimOf(fresh);
    const first = rowsOf([{}, {}, {}]);
    await write(session, first, { from: 100, to: 103 });
    const more = [
      { ...(rowsOf([{}])[0] as SinkRow), row: 4, value: { tag: 'x', rev: 1, note: null, code: null } },
    ];
    const [counts] = await write(session, more, { from: 103, to: 104 });
    expect(counts?.applied).toEqual(accountRun('normal', [...first, ...more], [])[0]?.applied);
    expect(counts).toMatchObject({ part: 100, inserted: 4, throughOffset: 104 });
    const replay = [{ ...(more[0] as SinkRow), row: 5, value: { tag: 'y', rev: 1, note: null, code: null } }];
    const [resolved] = await write(session, replay, { from: 104, to: 105, counting: 'resolved' });
    expect(resolved?.resolved.n).toBe(1);
    expect(resolved).toMatchObject({ applied: counts?.applied, inserted: 4 });
    expect(
      await write(session, rowsOf([{ tag: 'z' }]), { from: 105, to: 106, counting: 'uncounted' }),
    ).toEqual([]);
    expect(await fresh.rows()).toHaveLength(6);
    await session.release();
  });

  it('leaves rows as they are when it is rewound, and knows what was counted', async () => {
    const fresh = await table();
    const session = await claimOf(fresh);
    const rows = rowsOf([{ note: 'a' }, { note: 'b' }]);
    const [counts] = await write(session, rows, { from: 100, to: 102 });
    const before = await fresh.rows();
    await fresh.rewind(TOPIC, 100);
    expect((await failure(write(session, rows, { from: 102, to: 103 }))).kind).toBe('fenced');
    const again = await claimOf(fresh);
    expect(again.position).toMatchObject({ next: 100, countedThrough: 102 });
    expect(await again.unpublished()).toEqual([counts]);
    await write(again, rows.slice(0, 1), { from: 100, to: 101, counting: 'uncounted' });
    await again.release();
    const third = await claimOf(fresh);
    expect(third.position).toMatchObject({ next: 101, countedThrough: 102 });
    await write(third, rows.slice(1), { from: 101, to: 102, counting: 'uncounted' });
    expect(await fresh.rows()).toEqual(before);
    expect(await third.unpublished()).toEqual([counts]);
    await Promise.all([session.release(), third.release()]);
  });

  it('appends each row of a load once', async () => {
    const fresh = await table('append');
    const session = await claimOf(fresh);
    const rows = rowsOf([{ tag: 'same' }, { tag: 'same' }]);
    await write(session, rows, { from: 100, to: 102 });
    const [counts] = await write(session, rows, { from: 102, to: 104 });
    expect(counts).toMatchObject({ inserted: 2, updated: 0, unchanged: 2, superseded: 0 });
    expect(await fresh.rows()).toHaveLength(2);
    await session.release();
  });
}

function badRowContract({ table }: Context): void {
  const long = 'x'.repeat(NOTE_LENGTH + 1);

  it('refuses a batch with a bad row as a whole, finds the row, and stays usable', async () => {
    const fresh = await table();
    const session = await claimOf(fresh);
    const rows = rowsOf(Array.from({ length: 1_000 }, (_, i) => (i === 617 ? { note: long } : {})));
    const error = await failure(write(session, rows, { from: 100, to: 1_100 }));
    expect(error.kind).toBe('data');
    expect(error.message).not.toContain(long);
    const bad = await session.probe(50);
    expect(bad.map((one) => one.ord)).toEqual([617]);
    expect(bad[0]?.reason).toMatchObject({ code: 'MR-SINK-TOO-LONG', field: 'note' });
    expect(bad[0]?.reason.message).not.toContain(long);
    expect(await fresh.rows()).toEqual([]);
    const good = rows.filter((row) => row.ord !== 617);
    const [counts] = await write(session, good, { from: 100, to: 1_100 });
    expect(counts).toMatchObject({ inserted: 999 });
    await session.release();
  });

  it('finds a row that is bad only together with an earlier one', async () => {
    const fresh = await table('merge', { uniqueCode: true });
    const session = await claimOf(fresh);
    const rows = rowsOf([{ code: 1 }, { code: 2 }, { code: 3 }, { code: 1 }, { code: 4 }]);
    expect((await failure(write(session, rows, { from: 100, to: 105 }))).kind).toBe('data');
    const bad = await session.probe(50);
    expect(bad).toMatchObject([{ ord: 3, reason: { code: 'MR-SINK-UNIQUE' } }]);
    await session.release();
  });

  it('stops looking when there are more than it was asked for', async () => {
    const fresh = await table();
    const session = await claimOf(fresh);
    await session.stage(rowsOf(Array.from({ length: 300 }, () => ({ note: long }))));
    expect((await session.probe(7)).map((one) => one.ord)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    await session.release();
  });

  it('lets nothing into the stage that would break it', async () => {
    const fresh = await table();
    const session = await claimOf(fresh);
    const good: RecordValue = { tag: 'a', rev: 1, note: 'ä€😀\n\\', code: null };
    expect(session.check(good)).toBeNull();
    expect(session.check({ ...good, tag: null })?.code).toBe('MR-SINK-NULL');
    await session.stage(rowsOf([good as Made]));
    await session.apply({
      from: 100,
      to: 101,
      counting: 'normal',
      ledgerThrough: 0,
      loads: [
        { loadId: LOAD, applied: { n: 1, a: 1, b: 1 }, rejected: emptyTally(), resolved: emptyTally() },
      ],
    });
    expect((await fresh.rows())[0]?.[2]).toBe(good.note);
    await session.release();
  });
}

function faultContract({ table, proxy }: Context): void {
  it('settles a commit whose answer was lost by the next claim', async () => {
    const fresh = await table();
    await using cut = await proxy();
    const session = await claimOf(fresh, {}, cut);
    await session.stage(rowsOf([{}, {}]));
    cut.loseNextAnswer();
    const loads = accountRun('normal', rowsOf([{}, {}]), []);
    const error = await failure(
      session.apply({ from: 100, to: 102, counting: 'normal', loads, ledgerThrough: 0 }),
    );
    expect(error.kind).toBe('transient');
    await cut.happened();
    await session.release();
    const again = await claimOf(fresh);
    expect(again.position.next).toBe(102);
    expect(await again.unpublished()).toMatchObject([{ loadId: LOAD, inserted: 2, applied: { n: 2 } }]);
    expect(await fresh.rows()).toHaveLength(2);
    await again.release();
  });

  it('is cut off while it stages: nothing has changed, and the next claim goes on', async () => {
    const fresh = await table();
    await using cut = await proxy();
    const session = await claimOf(fresh, {}, cut);
    cut.loseNextAnswer();
    expect((await failure(session.stage(rowsOf([{}])))).kind).toBe('transient');
    await session.release();
    const again = await claimOf(fresh);
    expect(again.position.next).toBe(100);
    await write(again, rowsOf([{}]), { from: 100, to: 101 });
    await again.release();
  });

  it('notices within seconds that an idle target answers no more', async () => {
    const fresh = await table();
    await using cut = await proxy();
    const session = await claimOf(fresh, {}, cut);
    cut.stopClientAfter(0);
    expect((await failure(session.confirm(100))).kind).toBe('transient');
    await session.release();
  }, 20_000);

  it.each([0, 10, 400])(
    'is held up by no client that was stopped after %i bytes of its request',
    async (bytes) => {
      const fresh = await table();
      await using cut = await proxy();
      const session = await claimOf(fresh, {}, cut);
      await session.stage(rowsOf([{ note: 'zombie' }]));
      cut.stopClientAfter(bytes);
      const loads = accountRun('normal', rowsOf([{}]), []);
      const stuck = failure(
        session.apply({ from: 100, to: 101, counting: 'normal', loads, ledgerThrough: 0 }),
      );
      if (bytes > 0) await cut.happened();
      const successor = await claimOf(fresh);
      expect(successor.position.next).toBe(100);
      await write(successor, rowsOf([{ note: 'successor' }]), { from: 100, to: 101 });
      expect(await fresh.rows()).toEqual([['t0', 1, 'successor', LOAD, 1]]);
      await session.release();
      expect((await stuck).kind).toBe('transient');
      await successor.release();
    },
  );

  it('finishes the request of a client that was stopped right behind it', async () => {
    const fresh = await table();
    await using cut = await proxy();
    const session = await claimOf(fresh, {}, cut);
    await session.stage(rowsOf([{ note: 'zombie' }]));
    // Everything passes, no answer does: the client might as well be stopped.
    cut.stopClientAfter(1_000_000);
    cut.loseNextAnswer();
    const loads = accountRun('normal', rowsOf([{}]), []);
    const stuck = failure(session.apply({ from: 100, to: 101, counting: 'normal', loads, ledgerThrough: 0 }));
    const successor = await claimOf(fresh);
    expect([100, 101]).toContain(successor.position.next);
    expect(await fresh.rows()).toHaveLength(successor.position.next - 100);
    expect(['transient', 'fenced']).toContain((await stuck).kind);
    await Promise.all([session.release(), successor.release()]);
  });
}
