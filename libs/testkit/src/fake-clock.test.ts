import { expect, test } from 'vitest';
import { FakeClock } from './fake-clock.ts';

test('sleepers wake in order, each at its own time, also one that sleeps again', async () => {
  const clock = new FakeClock(1_000);
  const woken: string[] = [];
  void clock.sleep(30).then(() => woken.push(`late at ${clock.now()}`));
  void clock
    .sleep(10)
    .then(() => {
      woken.push(`early at ${clock.now()}`);
      return clock.sleep(5);
    })
    .then(() => woken.push(`again at ${clock.now()}`));
  await clock.advance(29);
  expect(woken).toEqual(['early at 1010', 'again at 1015']);
  expect(clock.sleeping).toBe(1);
  await clock.advance(1);
  expect(woken.at(-1)).toBe('late at 1030');
  expect(clock.monotonic()).toBe(30);
});

test('an aborted sleep rejects with the reason of its signal', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const sleep = clock.sleep(1_000, stop.signal);
  stop.abort(new Error('enough'));
  await expect(sleep).rejects.toThrow('enough');
  expect(clock.sleeping).toBe(0);
});
