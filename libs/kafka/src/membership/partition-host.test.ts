import { Backoff } from '@millrace/core';
import { FakeClock } from '@millrace/testkit';
import { expect, test } from 'vitest';
import type { Cluster } from '../cluster/cluster.ts';
import type { ApiVersions, CallFor } from '../internals.ts';
import { encodeAssignments, encodeClaim } from './group-protocol.ts';
import { GroupPartitionHost } from './partition-host.ts';

const TOPIC = 't';
const versions: ApiVersions = new Proxy({}, { get: () => ({ minVersion: 0, maxVersion: 99 }) });

/** A group of one, whose brokers fall silent when told to. */
function soleMember() {
  const clock = new FakeClock();
  let silent = false;
  const claim = { memberId: 'm', owned: [], generation: -1 };
  const answers: Readonly<Record<string, object>> = {
    JoinGroup: {
      errorCode: 0,
      generationId: 1,
      groupProtocol: 'x',
      leaderId: 'm',
      memberId: 'm',
      members: [{ memberId: 'm', memberMetadata: encodeClaim(TOPIC, claim) }],
    },
    SyncGroup: {
      errorCode: 0,
      memberAssignment: encodeAssignments(TOPIC, [claim], 1)[0]?.memberAssignment,
    },
    Heartbeat: { errorCode: 0 },
    LeaveGroup: { errorCode: 0 },
  };
  const asked: string[] = [];
  const cluster = {
    clock,
    coordinator: async () => 1,
    forgetCoordinator: () => undefined,
    partitionCount: async () => 1,
    backoff: () => new Backoff({ delayMs: 50, maxDelayMs: 50 }),
    closeLane: (lane: string) => asked.push(`close ${lane.split('/')[0]}`),
    send: async (_node: number, _lane: string, call: CallFor<unknown>) => {
      const { apiName } = call(versions).request;
      asked.push(apiName);
      return silent ? new Promise(() => undefined) : answers[apiName];
    },
  };
  const deps = { clock, random: () => 1, onEvent: () => undefined };
  const runner = (_: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  // Only what membership touches.
  const host = new GroupPartitionHost(cluster as unknown as Cluster, deps, {
    groupId: 'g',
    topic: TOPIC,
    runner,
  });
  return { clock, host, asked, fallSilent: () => (silent = true) };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a stop leaves the group and gives the connection up', async () => {
  const { host, asked } = soleMember();
  await settled();
  expect(host.status()).toEqual([{ partition: 0, state: 'running' }]);
  await host.stop();
  expect(asked.slice(-2)).toEqual(['LeaveGroup', 'close group']);
});

test('brokers that say nothing hold a stop up for seconds at most', async () => {
  const { clock, host, fallSilent } = soleMember();
  await settled();
  fallSilent();
  let stopped = false;
  void host.stop().then(() => (stopped = true));
  for (let second = 0; second < 10; second += 1) {
    await settled();
    await clock.advance(1_000);
  }
  await settled();
  expect(stopped).toBe(true);
});
