import { expect, test } from 'vitest';
import { FakeClock } from './fake-clock.ts';

const SHORT_MS = 5;
const EARLY_MS = 10;
const LATE_MS = 30;

test('sleepers wake in order, each at its own time, also one that sleeps again', async () => {
  const clock = new FakeClock(1_000);
  const woken: string[] = [];
  void clock.sleep(LATE_MS).then(() => woken.push(`late at ${clock.now()}`));
  void clock
    .sleep(EARLY_MS)
    .then(() => {
      woken.push(`early at ${clock.now()}`);
      return clock.sleep(SHORT_MS);
    })
    .then(() => woken.push(`again at ${clock.now()}`));
  await clock.advance(LATE_MS - 1);
  expect(woken).toEqual(['early at 1010', 'again at 1015']);
  expect(clock.sleeping).toBe(1);
  await clock.advance(1);
  expect(woken.at(-1)).toBe('late at 1030');
  expect(clock.monotonic()).toBe(30);
});

test('an aborted sleep rejects with the reason of its signal', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const sleep = clock.sleep(LATE_MS, stop.signal);
  stop.abort(new Error('enough'));
  await expect(sleep).rejects.toThrow('enough');
  expect(clock.sleeping).toBe(0);
});
