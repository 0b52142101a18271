import { systemClock } from '@millrace/core';
import { expect, test } from 'vitest';
import { LIMITS } from '../limits.ts';
import { BatchOutbox } from './outbox.ts';

const value = Buffer.alloc(1_000, 'x');

test('keeps the order within each partition, over batches that no broker refuses', () => {
  const outbox = new BatchOutbox(systemClock);
  for (let i = 0; i < 4_000; i += 1) outbox.add('t', i % 2, null, value);
  outbox.add('other', 0, 'k', value);
  expect(outbox.count).toBe(4_001);
  const pending = outbox.pending();
  expect(pending.map((p) => [p.topic, p.partition, p.batches.reduce((sum, b) => sum + b.count, 0)])).toEqual([
    ['t', 0, 2_000],
    ['t', 1, 2_000],
    ['other', 0, 1],
  ]);
  for (const { batches } of pending)
    for (const batch of batches) expect(batch.bytes).toBeLessThanOrEqual(LIMITS.batchBytes);
  expect(outbox.bytes).toBeGreaterThan(4_001 * 1_000);
});

test('the caller may reuse its buffers at once', () => {
  const outbox = new BatchOutbox(systemClock);
  const reused = Buffer.from('first');
  outbox.add('t', 0, reused, reused);
  reused.write('xxxxx');
  const sealed = outbox
    .pending()[0]
    ?.batches[0]?.seal({ producerId: -1n, epoch: -1, sequence: -1, isTransactional: false });
  expect(sealed?.toString('latin1').split('first')).toHaveLength(3);
});

test('cleared, it is empty, and nothing of before is sent', () => {
  const outbox = new BatchOutbox(systemClock);
  for (let i = 0; i < 3_000; i += 1) outbox.add('t', 0, null, value);
  outbox.clear();
  expect([outbox.count, outbox.pending().length]).toEqual([0, 0]);
  outbox.add('t', 0, null, value);
  expect(outbox.pending().map((p) => p.batches.map((b) => b.count))).toEqual([[1]]);
});
