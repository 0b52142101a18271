import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { MillraceError } from '@millrace/core';
import { waitFor } from '@millrace/testkit';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, describe, expect, test } from 'vitest';
import type { KafkaClient, KafkaEvent, PartitionHost, PartitionRunner } from '../src/index.ts';
import { connect, newTopic, sharedBroker } from './support/kafka.ts';

/** The shortest that a broker allows by default. */
const SESSION_MS = 6_000;
const PARTITIONS = 8;

const clients: KafkaClient[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

interface Member {
  readonly kafka: KafkaClient;
  readonly host: PartitionHost;
  readonly events: KafkaEvent[];
  /** Partition of each start of a runner. */
  readonly starts: number[];
  readonly running: Set<number>;
}

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

async function join(
  topic: string,
  work: PartitionRunner = (_, signal) => untilAborted(signal),
): Promise<Member> {
  const { kafka, events } = await connect(sharedBroker());
  clients.push(kafka);
  const starts: number[] = [];
  const running = new Set<number>();
  const runner: PartitionRunner = async (partition, signal) => {
    starts.push(partition);
    running.add(partition);
    try {
      await work(partition, signal);
    } finally {
      running.delete(partition);
    }
  };
  const host = kafka.host({ groupId: `group-${topic}`, topic, sessionTimeoutMs: SESSION_MS, runner });
  return { kafka, host, events, starts, running };
}

function settled(members: readonly Member[], sizes: readonly number[]): Promise<unknown> {
  const shares = () => members.map((m) => m.running.size).sort();
  return waitFor(
    () => String(shares()) === String([...sizes].sort()) && members.every((m) => m.host.joined),
    {
      what: `shares of ${sizes.join(', ')} (now ${shares().join(', ')})`,
    },
  );
}

const all = (members: readonly Member[]): number[] =>
  members.flatMap((m) => [...m.running]).sort((a, b) => a - b);
const EVERY = Array.from({ length: PARTITIONS }, (_, p) => p);

async function topicFor(): Promise<string> {
  const { kafka } = await connect(sharedBroker());
  const topic = await newTopic(kafka, PARTITIONS);
  await kafka.close();
  return topic;
}

describe('members', () => {
  test('share the partitions; who comes gets its share, and what stays is not restarted', async () => {
    const topic = await topicFor();
    const first = await join(topic);
    await settled([first], [8]);
    const second = await join(topic);
    await settled([first, second], [4, 4]);
    const third = await join(topic);
    await settled([first, second, third], [2, 3, 3]);
    expect(all([first, second, third])).toEqual(EVERY);
    // Nobody was given anything twice, and the first kept its own from the start.
    for (const member of [first, second, third])
      expect(new Set(member.starts).size).toBe(member.starts.length);
    expect(first.starts).toHaveLength(8);

    await third.host.stop();
    expect(third.running.size).toBe(0);
    await settled([first, second], [4, 4]);
    expect(all([first, second])).toEqual(EVERY);
    const kept = first.host
      .status()
      .filter(({ partition }) => first.starts.filter((p) => p === partition).length === 1);
    expect(kept.length).toBeGreaterThanOrEqual(2);
  });

  test("take over a killed one's partitions", async () => {
    const topic = await topicFor();
    const survivor = await join(topic);
    await settled([survivor], [8]);
    const script = fileURLToPath(new URL('./support/member-process.ts', import.meta.url));
    const args = [sharedBroker().bootstrap, `group-${topic}`, topic, String(SESSION_MS)];
    const child = spawn(process.execPath, ['--conditions=source', script, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let started = '';
    child.stdout.on('data', (chunk) => {
      started += chunk;
    });
    await waitFor(() => started.trim().split('\n').length === 4, { what: 'the other to take its half' });
    await settled([survivor], [4]);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await settled([survivor], [8]);
    expect(all([survivor])).toEqual(EVERY);
  });

  test('can be seen with the tools, and so can the offsets that are committed for them', async () => {
    const topic = await topicFor();
    const member = await join(topic);
    await settled([member], [8]);
    member.host.commitForTools(3, 42);
    const admin = new Kafka({
      brokers: sharedBroker().bootstrap.split(','),
      logLevel: logLevel.NOTHING,
    }).admin();
    await admin.connect();
    const { groups } = await admin.describeGroups([`group-${topic}`]);
    expect(groups[0]).toMatchObject({
      protocolType: 'consumer',
      protocol: 'millrace-sticky',
      state: 'Stable',
    });
    await waitFor(
      async () => {
        const [offsets] = await admin.fetchOffsets({ groupId: `group-${topic}`, topics: [topic] });
        return offsets?.partitions.find((p) => p.partition === 3)?.offset === '42';
      },
      { what: 'the committed offset' },
    );
    await admin.disconnect();
  });

  test('of one group that read different topics share each topic among its readers, and it is told', async () => {
    const topic = await topicFor();
    const other = await topicFor();
    const { kafka, events } = await connect(sharedBroker());
    clients.push(kafka);
    const read = new Set<string>();
    const host = (name: string) =>
      kafka.host({
        groupId: `mixed-${topic}`,
        sessionTimeoutMs: SESSION_MS,
        topic: name,
        runner: (partition, signal) => {
          read.add(`${name}/${partition}`);
          return untilAborted(signal);
        },
      });
    const one = host(topic);
    await waitFor(() => one.joined, { what: 'the first to join' });
    const two = host(other);
    await waitFor(() => two.joined, { what: 'the second to join' });
    await waitFor(() => read.size === 2 * PARTITIONS, { what: 'all partitions of both' });
    expect(one.status()).toHaveLength(PARTITIONS);
    expect(events.filter((e) => e.type === 'client-log' && e.message.includes(other))).not.toEqual([]);
  });
});

describe('a host that was stopped', () => {
  test('leaves no connection behind', async () => {
    const sockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    const topic = await topicFor();
    const { kafka, host } = await join(topic);
    await waitFor(() => host.joined, { what: 'it to join' });
    await kafka.clusterId();
    const before = sockets();
    await host.stop();
    await host.done;
    await waitFor(() => sockets() === before - 1, { what: 'its connection to be closed' });
  });

  test('says so when a runner could not finish, and has left all the same', async () => {
    const topic = await topicFor();
    const member = await join(topic, async (partition, signal) => {
      await untilAborted(signal);
      if (partition === 3) throw new MillraceError({ kind: 'transient', code: 'MR-TEST', message: 'lost' });
      throw signal.reason;
    });
    await settled([member], [8]);
    await expect(member.host.stop()).rejects.toMatchObject({ code: 'MR-TEST' });
    // Longer than the session would be a timed assertion; a member that had not left would keep its share.
    await settled([await join(topic)], [8]);
  });
});

describe('a runner that fails', () => {
  test('is started again when the trouble passes, stays stopped when it cannot, and leaves the others alone', async () => {
    const topic = await topicFor();
    const failures = new Map<number, number>();
    const member = await join(topic, async (partition, signal) => {
      const count = (failures.get(partition) ?? 0) + 1;
      failures.set(partition, count);
      if (partition === 1 && count <= 2)
        throw new MillraceError({ kind: 'transient', code: 'MR-TEST', message: 'away' });
      if (partition === 2) throw new MillraceError({ kind: 'halt', code: 'MR-TEST', message: 'no way' });
      if (partition === 3 && count === 1)
        throw new MillraceError({ kind: 'fenced', code: 'MR-TEST', message: 'taken' });
      await untilAborted(signal);
    });
    await settled([member], [7]);
    member.host.commitForTools(1, 1);
    const failed = (p: number) =>
      member.events.filter((e) => e.type === 'runner-failed' && e.partition === p);
    expect([failed(1).length, failed(2).length, failed(3).length, failed(4).length]).toEqual([2, 1, 1, 0]);
    expect(failed(2)[0]).toMatchObject({ retryInMs: null });
    expect(member.host.status().find((s) => s.partition === 2)).toMatchObject({ state: 'halted' });
    expect(member.starts.filter((p) => p === 4)).toHaveLength(1);
    const recovered = member.events.filter((e) => e.type === 'runner-recovered');
    expect(recovered).toEqual([expect.objectContaining({ partition: 1 })]);
  });
});
