import { MillraceError } from '@millrace/core';
import { Turns } from '@millrace/source-kit';
import { FakeClock } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { ServerHealth } from './server-health.ts';

const LIVEZ_MS = 60_000;

test.each(['transient', 'systemic'] as const)(
  'a server that is away (%s) for an hour never looks like a loop that is stuck',
  async (kind) => {
    const clock = new FakeClock();
    const turns = new Turns(clock);
    const stop = new AbortController();
    const health = new ServerHealth({ clock, random: () => 1, emit: () => undefined });
    const work = async (): Promise<void> => {
      await clock.sleep(LIVEZ_MS / 2); // refused only after a while
      throw new MillraceError({ kind, code: 'MR-SFTP-LOST', message: 'away' });
    };
    turns.turn('scanner');
    const ended = health.answered(work, () => turns.turn('scanner'), stop.signal).catch(() => undefined);
    let longest = 0;
    for (let at = 0; at < 3_600; at += 1) {
      await clock.advance(1_000);
      longest = Math.max(longest, clock.monotonic() - turns.slowest());
    }
    expect(longest).toBeLessThan(LIVEZ_MS);
    stop.abort();
    await clock.advance(LIVEZ_MS);
    await ended;
  },
);
