import { countRow, formatTally } from '@millrace/core';
import { describe, expect, it } from 'vitest';
import { LoadAccounts, loadKey } from './load-accounts.ts';

const A = 'a'.repeat(16);
const HOUR = 3_600_000;

function id(n: number): string {
  return n.toString(36).padStart(16, '0');
}

describe('load accounts', () => {
  it('come back from state as they were, open to go on', () => {
    const accounts = new LoadAccounts(['clean', 'alarms']);
    const part = accounts.at(A, 17);
    countRow(part.accepted, part.seed, 1);
    countRow(part.emitted[1]?.tally ?? part.accepted, part.seed, 1);
    part.emitted[1]?.first.set(3, 42);
    accounts.takeChanges(1000);
    const { key, value } = accounts.stateOf(part);
    expect(key).toBe(`load/${A}/17`);

    const restored = new LoadAccounts(['clean', 'alarms']);
    expect(restored.restore(key, Buffer.from(value ?? []))).toBe(true);
    const again = restored.at(A, 99);
    expect(again.part).toBe(17);
    expect(restored.countsOf(again)).toEqual(accounts.countsOf(part));
    expect(restored.countsOf(again).emitted.alarms).toEqual({
      tally: formatTally(part.accepted),
      first: { 3: 42 },
    });
  });

  it('of another layout come back without a word: the position says what is wrong', () => {
    const accounts = new LoadAccounts(['clean']);
    const part = accounts.at(A, 17);
    countRow(part.accepted, part.seed, 1);
    accounts.takeChanges(1000);
    const { key, value } = accounts.stateOf(part);
    const other = new LoadAccounts(['clean', 'constructor']);
    expect(other.restore(key, Buffer.from(value ?? []))).toBe(true);
    expect(other.at(A, 99).emitted[1]?.tally.n).toBe(0);
  });

  it('say so when a record of the state is none of theirs', () => {
    const accounts = new LoadAccounts(['clean']);
    for (const text of ['', '{', 'null', '7', '"x"', '{}', '{"at":1,"accepted":"x"}', '{"at":1,"emitted":7}'])
      expect(accounts.restore(`load/${A}/1`, Buffer.from(text))).toBe(false);
  });

  it('report only what the batch touched', () => {
    const accounts = new LoadAccounts(['clean']);
    accounts.at(A, 0);
    accounts.at(id(1), 1);
    expect(accounts.takeChanges(0).touched.length).toBe(2);
    accounts.at(A, 2);
    expect(accounts.takeChanges(0).touched.map((part) => part.loadId)).toEqual([A]);
  });

  it('are dropped when idle for an hour and more than a hundred are held; a later record opens a new part', () => {
    const accounts = new LoadAccounts(['clean']);
    for (let i = 0; i < 150; i += 1) accounts.at(id(i), i);
    expect(accounts.takeChanges(0).dropped).toEqual([]);
    accounts.at(id(0), 200);
    expect(accounts.takeChanges(HOUR - 1).dropped).toEqual([]);
    accounts.at(id(0), 201);
    const { dropped } = accounts.takeChanges(HOUR);
    expect(dropped.length).toBe(50);
    expect(dropped[0] && loadKey(dropped[0])).toBe(`load/${id(1)}/1`);
    expect(accounts.at(id(1), 300).part).toBe(300);
    expect(accounts.at(id(0), 300).part).toBe(0);
  });

  it('never hold more than the bound beside those of the batch', () => {
    const accounts = new LoadAccounts(['clean'], { idleMs: HOUR, idleHeldMax: 2, heldMax: 3 });
    for (let i = 0; i < 20; i += 1) {
      accounts.at(id(i), i);
      accounts.takeChanges(i);
      expect(accounts.held).toBeLessThanOrEqual(3);
    }
  });

  it('let the tombstone of an earlier part leave a later one alone', () => {
    const accounts = new LoadAccounts(['clean']);
    const later = accounts.at(A, 50);
    accounts.takeChanges(0);
    const { key, value } = accounts.stateOf(later);
    const restored = new LoadAccounts(['clean']);
    restored.restore(key, Buffer.from(value ?? []));
    restored.restore(`load/${A}/10`, null);
    expect(restored.held).toBe(1);
    restored.restore(key, null);
    expect(restored.held).toBe(0);
    expect(restored.restore('load/what', null)).toBe(false);
  });
});
