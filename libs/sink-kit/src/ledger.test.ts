import { type LedgerEntry, ledgerKey } from '@millrace/contracts';
import { emptyTally } from '@millrace/core';
import type { Outbox, WireEncoder } from '@millrace/kafka';
import { FakeClock } from '@millrace/testkit';
import { describe, expect, it } from 'vitest';
import { LedgerPublisher } from './ledger.ts';
import type { LoadCounts } from './port.ts';

function setUp() {
  const clock = new FakeClock();
  const sent: string[][] = [];
  const answers: PromiseWithResolvers<void>[] = [];
  let lines: string[] = [];
  const publisher = {
    newOutbox: () =>
      ({ add: (_topic: string, _p: number, key: Buffer) => lines.push(String(key)) }) as unknown as Outbox,
    publish: async () => {
      sent.push(lines);
      lines = [];
      const answer = Promise.withResolvers<void>();
      answers.push(answer);
      await answer.promise;
    },
  };
  const encoder: WireEncoder = {
    schemaId: 1,
    encode: (entry) => Buffer.from(ledgerKey(entry as LedgerEntry)),
  };
  const options = { pipeline: 'p', stage: 'sink.s', output: 'o', partition: 0, encoder, clock };
  const ledger = new LedgerPublisher(publisher, options, 10);
  return { sent, answers, ledger };
}

function counts(loadId: string): LoadCounts {
  const none = emptyTally();
  const zero = { part: 0, inserted: 0, updated: 0, unchanged: 0, superseded: 0, throughOffset: 0 };
  return { loadId, applied: none, rejected: none, resolved: none, ...zero };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('the ledger of a partition', () => {
  it('sends after a claim that had nothing to publish', async () => {
    const { ledger, sent } = setUp();
    ledger.publish([], 0);
    await turn();
    ledger.publish([counts('a')], 20);
    await turn();
    expect(sent).toEqual([['p/a/sink.s/0/0']]);
  });

  it('folds what comes while a send is under way, and says how far the ledger is only when it is acknowledged', async () => {
    const { ledger, sent, answers } = setUp();
    ledger.publish([counts('a')], 20);
    ledger.publish([counts('b')], 30);
    ledger.publish([counts('b')], 40);
    await turn();
    expect(sent).toHaveLength(1);
    expect(ledger.through).toBe(10);
    answers[0]?.resolve();
    await turn();
    expect(ledger.through).toBe(20);
    expect(sent[1]).toEqual(['p/b/sink.s/0/0']);
    answers[1]?.resolve();
    await ledger.flush();
    expect(ledger.through).toBe(40);
  });

  it('tells a failure to whoever publishes, flushes or asks', async () => {
    const { ledger, sent, answers } = setUp();
    ledger.publish([counts('a')], 20);
    ledger.publish([counts('b')], 30);
    answers[0]?.reject(new Error('gone'));
    await turn();
    expect(sent).toHaveLength(1);
    await expect(ledger.flush()).rejects.toThrow('gone');
    expect(() => ledger.check()).toThrow('gone');
    expect(() => ledger.publish([counts('c')], 40)).toThrow('gone');
    expect(ledger.through).toBe(10);
  });
});
