/** A member of a group as a process of its own, to be killed: `member-process.ts <brokers> <group> <topic> <sessionMs>`. */
import { systemClock } from '@millrace/core';
import { connectKafka } from '../../src/index.ts';

const [brokers = '', groupId = '', topic = '', sessionMs = ''] = process.argv.slice(2);
const kafka = await connectKafka(
  { brokers: brokers.split(','), clientId: 'member-process' },
  { clock: systemClock, random: Math.random, onEvent: () => undefined },
);
kafka.host({
  groupId,
  topic,
  sessionTimeoutMs: Number(sessionMs),
  runner: (partition, signal) => {
    process.stdout.write(`${partition}\n`);
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  },
});
