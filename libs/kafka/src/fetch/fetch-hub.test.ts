import { Backoff, MillraceError } from '@millrace/core';
import { FakeClock } from '@millrace/testkit';
import { expect, test } from 'vitest';
import type { Cluster } from '../cluster/cluster.ts';
import { FetchHub } from './fetch-hub.ts';

const noLeader = new MillraceError({ kind: 'transient', code: 'MR-KAFKA-NO-LEADER', message: 'No leader.' });

/** A cluster that tells offsets, and then loses the partition's leader. */
function orphaning(connected: boolean) {
  const warnings: string[] = [];
  const clock = new FakeClock();
  let asked = 0;
  const cluster = {
    clock,
    availability: { connected },
    backoff: () => new Backoff({ delayMs: 50, maxDelayMs: 1_000 }, () => 1),
    leader: async () => {
      asked += 1;
      if (asked > 3) throw noLeader; // start, stable end, end
      return 1;
    },
    send: async () => ({
      responses: [{ topic: 't', partitions: [{ partition: 0, errorCode: 0, offset: '0' }] }],
    }),
    warn: (message: string) => warnings.push(message),
  };
  // Only what fetching touches before it has a leader.
  return { hub: new FetchHub(cluster as unknown as Cluster), clock, warnings, asked: () => asked };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test.each([
  ['is told once', true, ['No leader. It is waited for.']],
  ['is not told while no broker answers: that was told', false, []],
] as const)('a partition that stays without leader %s', async (_, connected, expected) => {
  const { hub, clock, warnings, asked } = orphaning(connected);
  const stop = new AbortController();
  const fetched = hub.fetch({ topic: 't', partition: 0, from: 0, signal: stop.signal }).next();
  for (let i = 0; i < 60; i += 1) {
    await settled();
    await clock.advance(1_000);
  }
  expect(asked()).toBeGreaterThan(10);
  expect(warnings).toEqual(expected);
  stop.abort();
  expect(await fetched).toMatchObject({ done: true });
});
