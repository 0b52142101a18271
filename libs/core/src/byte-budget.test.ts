import { describe, expect, it } from 'vitest';
import { ByteBudget } from './byte-budget.ts';

async function settled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

describe('ByteBudget', () => {
  it('makes the next taker wait until there is room, in order', async () => {
    const budget = new ByteBudget(10);
    const first = await budget.take(6);
    const second = budget.take(6);
    const third = budget.take(1);
    expect(await settled(second)).toBe(false);
    // A small one does not overtake a large one: that one would starve.
    expect(await settled(third)).toBe(false);
    first();
    await second;
    await third;
    expect(budget.usedBytes).toBe(7);
  });

  it('lets a request above the limit through alone', async () => {
    const budget = new ByteBudget(10);
    const release = await budget.take(100);
    const next = budget.take(1);
    expect(await settled(next)).toBe(false);
    release();
    await next;
  });

  it('gives back once', async () => {
    const budget = new ByteBudget(10);
    const release = await budget.take(4);
    release();
    release();
    expect(budget.usedBytes).toBe(0);
  });

  it('forgets a waiter whose signal aborts, and serves the one behind it', async () => {
    const budget = new ByteBudget(10);
    await budget.take(8);
    const abort = new AbortController();
    const second = budget.take(8, abort.signal);
    const third = budget.take(2);
    abort.abort(new Error('stop'));
    await expect(second).rejects.toThrow('stop');
    await third;
    expect(budget.usedBytes).toBe(10);
  });
});
