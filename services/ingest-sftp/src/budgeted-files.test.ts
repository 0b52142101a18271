import { ByteBudget } from '@millrace/core';
import { FakeClock } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { budgeted } from './budgeted-files.ts';
import type { RemoteFiles } from './ports.ts';

const MIB = 1 << 20;

function world() {
  const clock = new FakeClock();
  const reading: string[] = [];
  const gates = new Map<string, PromiseWithResolvers<void>>();
  let turns = 0;
  const remote: Pick<RemoteFiles, 'read'> = {
    async *read(path) {
      reading.push(path);
      const gate = Promise.withResolvers<void>();
      gates.set(path, gate);
      await gate.promise;
      yield Buffer.from(path);
    },
  };
  const byteBudget = new ByteBudget(32 * MIB);
  // Only reading is looked at.
  const files = budgeted(remote as RemoteFiles, { byteBudget, clock, turn: () => (turns += 1) });
  const read = async (path: string, size: number, signal = new AbortController().signal) => {
    for await (const chunk of files.read(path, size, signal)) expect(String(chunk)).toBe(path);
  };
  return { clock, reading, gates, byteBudget, read, turns: () => turns };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a file waits for room, turning meanwhile, and begins when another one ends', async () => {
  const { clock, reading, gates, byteBudget, read, turns } = world();
  const first = read('big', 900 * MIB);
  const second = read('other', 900 * MIB);
  await settled();
  expect(reading).toEqual(['big']);
  expect(byteBudget.usedBytes).toBeLessThan(32 * MIB);
  await clock.advance(60_000);
  expect(turns()).toBe(6);
  gates.get('big')?.resolve();
  await first;
  await settled();
  expect(reading).toEqual(['big', 'other']);
  gates.get('other')?.resolve();
  await second;
  expect(byteBudget.usedBytes).toBe(0);
  await clock.advance(60_000);
  expect(turns()).toBe(6);
});

test('small files are read side by side', async () => {
  const { reading, gates, read } = world();
  const reads = ['a', 'b', 'c', 'd'].map((path) => read(path, 100_000));
  await settled();
  expect(reading).toHaveLength(4);
  for (const gate of gates.values()) gate.resolve();
  await Promise.all(reads);
});

test('a stop ends the wait', async () => {
  const { gates, byteBudget, read } = world();
  const stop = new AbortController();
  const first = read('big', 900 * MIB);
  const second = read('other', 900 * MIB, stop.signal);
  await settled();
  stop.abort(new Error('stopping'));
  await expect(second).rejects.toThrow('stopping');
  gates.get('big')?.resolve();
  await first;
  expect(byteBudget.usedBytes).toBe(0);
});
