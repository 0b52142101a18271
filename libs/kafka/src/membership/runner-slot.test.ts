import { type ErrorKind, MillraceError } from '@millrace/core';
import { FakeClock } from '@millrace/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import type { PartitionRunner } from '../types.ts';
import { RunnerSlot } from './runner-slot.ts';

let clock: FakeClock;
let failed: [code: string, retryInMs: number | null][];
let recovered: number;
let confirm: () => void;

beforeEach(() => {
  clock = new FakeClock();
  failed = [];
  recovered = 0;
});

function slotOf(runner: PartitionRunner): RunnerSlot {
  return new RunnerSlot(5, runner, {
    clock,
    random: () => 1,
    onFailed: (_, error, retryInMs) => failed.push([error.code, retryInMs]),
    onRecovered: () => {
      recovered += 1;
    },
    confirmedSince: () => new Promise((resolve) => (confirm = resolve)),
  });
}

/** A runner whose nth start ends as told, and which then runs until it is stopped. */
function scripted(...kinds: ErrorKind[]): { runner: PartitionRunner; starts: () => number } {
  let starts = 0;
  const runner: PartitionRunner = async (_, signal) => {
    const kind = kinds[starts];
    starts += 1;
    if (kind) throw new MillraceError({ kind, code: `MR-${kind}`, message: kind });
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  };
  return { runner, starts: () => starts };
}

/** Lets everything happen that needs no time. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
}

describe('a runner', () => {
  test('that meets trouble is started again with growing waits, and has recovered after some seconds', async () => {
    const { runner, starts } = scripted('transient', 'transient');
    const slot = slotOf(runner);
    slot.start(Promise.resolve());
    await settle();
    expect(failed).toEqual([['MR-transient', 200]]);
    expect(slot.status).toMatchObject({ state: 'retrying' });
    await clock.advance(200);
    await settle();
    expect(failed.at(-1)).toEqual(['MR-transient', 400]);
    await clock.advance(400);
    await settle();
    expect(starts()).toBe(3);
    expect(slot.status).toEqual({ partition: 5, state: 'running' });
    expect(recovered).toBe(0);
    await clock.advance(5_000);
    await settle();
    expect(recovered).toBe(1);
    await slot.stop();
  });

  test('has recovered at once when it reports progress', async () => {
    const slot = slotOf(scripted('transient').runner);
    slot.start(Promise.resolve());
    await settle();
    slot.progressed();
    expect(recovered).toBe(0);
    await clock.advance(200);
    await settle();
    slot.progressed();
    slot.progressed();
    expect(recovered).toBe(1);
    await slot.stop();
  });

  test.each(['halt', 'config'] as const)('that ends with %s stays stopped', async (kind) => {
    const { runner, starts } = scripted(kind);
    const slot = slotOf(runner);
    slot.start(Promise.resolve());
    await settle();
    await clock.advance(3_600_000);
    await settle();
    expect(starts()).toBe(1);
    expect(failed).toEqual([[`MR-${kind}`, null]]);
    expect(slot.status).toMatchObject({ state: 'halted' });
    await slot.stop();
  });

  test('that was fenced waits until the group confirms that the partition is ours', async () => {
    const { runner, starts } = scripted('fenced');
    const slot = slotOf(runner);
    slot.start(Promise.resolve());
    await settle();
    await clock.advance(60_000);
    await settle();
    expect(starts()).toBe(1);
    confirm();
    await settle();
    expect(starts()).toBe(2);
    await slot.stop();
  });

  test.each(['systemic', 'bug', 'data'] as const)('that ends with %s is paused, not spun', async (kind) => {
    const slot = slotOf(scripted(kind).runner);
    slot.start(Promise.resolve());
    await settle();
    expect(failed[0]?.[1]).toBeGreaterThanOrEqual(2_000);
    await slot.stop();
  });

  test('that returns without being told to is a bug', async () => {
    const slot = slotOf(async () => undefined);
    slot.start(Promise.resolve());
    await settle();
    expect(failed[0]?.[0]).toBe('MR-KAFKA-RUNNER-ENDED');
    await slot.stop();
  });

  test.each([
    ['transient', 'MR-transient'],
    ['fenced', undefined],
    ['abort', undefined],
    ['wrapped abort', undefined],
  ] as const)('that ends with %s when it is stopped has left undone: %s', async (how, code) => {
    const slot = slotOf(async (_, signal) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      if (how === 'abort') throw signal.reason;
      if (how === 'wrapped abort') throw new Error('listing', { cause: signal.reason });
      throw new MillraceError({ kind: how, code: `MR-${how}`, message: how });
    });
    slot.start(Promise.resolve());
    await settle();
    await slot.stop();
    expect(slot.unfinished?.code).toBe(code);
    expect(failed).toEqual([]);
  });

  test('starts only after its predecessor has ended, and not at all when stopped before', async () => {
    const { runner, starts } = scripted();
    const gate = Promise.withResolvers<void>();
    const slot = slotOf(runner);
    slot.start(gate.promise);
    await settle();
    expect(starts()).toBe(0);
    const stopped = slot.stop();
    gate.resolve();
    await stopped;
    expect(starts()).toBe(0);
  });
});
