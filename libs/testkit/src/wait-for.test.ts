import { expect, test } from 'vitest';
import { waitFor } from './wait-for.ts';

test('returns what the condition returned once it holds', async () => {
  let asked = 0;
  const condition = () => (++asked < 3 ? undefined : { asked });
  expect(await waitFor(condition, { what: 'three', pollMs: 1 })).toEqual({ asked: 3 });
});

test('a deadline names what was waited for and the last error', async () => {
  const condition = () => {
    throw new Error('not yet');
  };
  const waiting = waitFor(condition, { what: 'rows', deadlineMs: 5, pollMs: 1 });
  await expect(waiting).rejects.toThrow('in vain for rows (last: not yet)');
});
