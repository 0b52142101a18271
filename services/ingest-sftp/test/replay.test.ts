import type { DeadLetter } from '@millrace/contracts';
import { waitFor } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { Harness } from './harness.ts';

test('a rejected row is replayed: rejected again, then published under the mended pipeline', async () => {
  await using h = await Harness.create();
  await h.deliver('in/a.csv', 'Tag;Time;Value\nA;2026-01-01T00:00:00Z;n/a\nB;2026-01-01T00:00:00Z;1\n');
  const broken = await h.run();
  const [load] = await h.ended(1);
  const { loadId = '', path = '', size = 0, mtimeMs = 0, version = 0 } = load ?? {};
  const letterOf = (attempt: number): Promise<DeadLetter> =>
    waitFor(async () => (await h.deadLetters()).find((one) => one.attempt === attempt), {
      what: `the dead letter of attempt ${attempt}`,
    });
  /** As the command line does it: the letter's own bytes, as its next attempt. */
  const replay = async (attempt: number): Promise<void> => {
    const { row, sourceLine, original } = await letterOf(attempt);
    const task = { loadId, source: h.name, path, size, mtimeMs, version, issuedAt: 0 };
    const bytes = original ?? Buffer.alloc(0);
    const again = { row, line: sourceLine ?? 0, attempt: attempt + 1, header: null, original: bytes };
    await h.replay({ ...task, replay: again });
  };
  await replay(1);
  expect(await letterOf(2)).toMatchObject({ row: 1, reason: 'MR-ROW-NUMBER' });
  await broken.stop();
  await replay(2);
  await using _ = await h.run(await h.edited());
  const account = await waitFor(
    async () => {
      const [one] = await h.loads();
      return one && one.resolvedAtSource.n === 1 ? one : null;
    },
    { what: 'the row to be resolved' },
  );
  expect([account.rows.n, account.published.n, account.rejectedAtSource.n, account.openRejects]).toEqual([
    2, 1, 1, 0,
  ]);
  const raw = await h.raw();
  expect(raw.filter((row) => row.mark.startsWith(`${loadId}:1`))).toMatchObject([
    { mark: `${loadId}:1:3:ingest`, value: { tag: 'A', value: null } },
  ]);
  expect(raw).toHaveLength(2);
});
