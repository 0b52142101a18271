import type { Outbox } from '@millrace/kafka';
import { expect, it } from 'vitest';
import { FencedPublisher } from './fenced-publisher.ts';

const outbox: Outbox = { add: () => undefined, count: 1, bytes: 1, clear: () => undefined };

function setUp() {
  const calls: string[] = [];
  const sends: PromiseWithResolvers<readonly never[]>[] = [];
  const producer = {
    transactionalId: 'id',
    send: () => {
      calls.push('send');
      const answer = Promise.withResolvers<readonly never[]>();
      sends.push(answer);
      return answer.promise;
    },
    commit: async () => {
      calls.push('commit');
    },
    abort: async () => undefined,
    close: async () => undefined,
  };
  const kafka = { newOutbox: () => outbox, takeOver: async () => producer };
  return { calls, sends, open: () => FencedPublisher.open(kafka, 'id', new AbortController().signal) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

it('sends one thing at a time, and each is committed before the next', async () => {
  const { calls, sends, open } = setUp();
  const publisher = await open();
  const both = Promise.all([publisher.publish(outbox), publisher.publish(outbox)]);
  await turn();
  expect(calls).toEqual(['send']);
  sends[0]?.resolve([]);
  await turn();
  expect(calls).toEqual(['send', 'commit', 'send']);
  sends[1]?.resolve([]);
  await both;
  expect(calls).toEqual(['send', 'commit', 'send', 'commit']);
});

it('sends nothing behind a failure', async () => {
  const { calls, sends, open } = setUp();
  const publisher = await open();
  const first = publisher.publish(outbox);
  const second = publisher.publish(outbox);
  await turn();
  sends[0]?.reject(new Error('fenced'));
  await expect(first).rejects.toThrow('fenced');
  await expect(second).rejects.toThrow('fenced');
  await expect(publisher.publish(outbox)).rejects.toThrow('fenced');
  expect(calls).toEqual(['send']);
});
