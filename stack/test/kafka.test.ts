import { tempDir, waitFor } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { startStack } from '../src/index.ts';
import { aliveBrokers } from './kafka-protocol.ts';

test('three brokers: one is killed, the others notice; it comes back on its port and data', async () => {
  await using dir = await tempDir();
  const stack = await startStack({ dir: dir.path, parts: ['kafka'], brokers: 3, keepData: false });
  try {
    const [first, second, third] = [1, 2, 3].map((id) => stack.kafka.broker(id));
    if (first === undefined || second === undefined || third === undefined) throw new Error('three brokers');
    const all = (address: string) =>
      waitFor(async () => (await aliveBrokers(address)).length === 3, { what: 'all three' });
    await all(first.address);

    const { pid, address } = second;
    await second.kill();
    expect(second.running).toBe(false);
    await expect(aliveBrokers(address)).rejects.toThrow('ECONNREFUSED');
    await waitFor(async () => !(await aliveBrokers(third.address)).includes(2), {
      what: 'its loss to be noticed',
    });

    await second.start();
    expect(second.address).toBe(address);
    expect(second.pid).not.toBe(pid);
    await all(address);

    // Paused it is alive and silent: the others lose it just the same.
    third.pause();
    expect(third.running).toBe(true);
    await waitFor(async () => !(await aliveBrokers(first.address)).includes(3), {
      what: 'the silence to be noticed',
    });
    third.resume();
    await all(first.address);
  } finally {
    await stack.stop();
  }
});
