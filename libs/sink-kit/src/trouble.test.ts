import { MillraceError } from '@millrace/core';
import { FakeClock } from '@millrace/testkit';
import { expect, it } from 'vitest';
import type { SinkEvent } from './events.ts';
import { TroubleTeller } from './trouble.ts';

it('many partitions in one trouble, tried many times, are told once, and so is the end of it', async () => {
  const clock = new FakeClock();
  const events: SinkEvent[] = [];
  const teller = new TroubleTeller(clock, (event) => events.push(event));
  const away = new MillraceError({ kind: 'transient', code: 'MR-PG-CONNECTION', message: 'away' });
  for (let i = 0; i < 3; i += 1) {
    teller.failed(0, away);
    teller.failed(1, away);
  }
  await clock.advance(2_000);
  teller.settled(0, () => true);
  expect(events.map((event) => event.type)).toEqual(['trouble']);
  teller.settled(1, () => true);
  teller.settled(1, () => true);
  expect(events.at(-1)).toEqual({ type: 'recovered', code: 'MR-PG-CONNECTION', seconds: 2 });
  teller.failed(0, new MillraceError({ kind: 'fenced', code: 'MR-PG-FENCED', message: '' }));
  expect(events).toHaveLength(2);
});

it('a partition that went to another process does not keep the trouble alive', () => {
  const events: SinkEvent[] = [];
  const teller = new TroubleTeller(new FakeClock(), (event) => events.push(event));
  const away = new MillraceError({ kind: 'transient', code: 'MR-PG-CONNECTION', message: 'away' });
  const fenced = new MillraceError({ kind: 'fenced', code: 'MR-PG-FENCED', message: '' });
  for (const partition of [0, 1, 2]) teller.failed(partition, away);
  teller.failed(2, fenced);
  teller.settled(0, (partition) => partition !== 1);
  expect(events.map((event) => event.type)).toEqual(['trouble', 'recovered']);
});

it('partitions that fail for different reasons in turn tell each of them once', () => {
  const events: SinkEvent[] = [];
  const teller = new TroubleTeller(new FakeClock(), (event) => events.push(event));
  const failure = (code: string) => new MillraceError({ kind: 'transient', code, message: '' });
  for (let i = 0; i < 5; i += 1) {
    teller.failed(0, failure('MR-PG-CONNECTION'));
    teller.failed(1, failure('MR-PG-SHUTDOWN'));
  }
  expect(events.map((event) => (event.type === 'trouble' ? event.code : ''))).toEqual([
    'MR-PG-CONNECTION',
    'MR-PG-SHUTDOWN',
  ]);
  teller.settled(0, () => true);
  teller.settled(1, () => true);
  teller.failed(0, failure('MR-PG-CONNECTION'));
  expect(events.map((event) => event.type)).toEqual(['trouble', 'trouble', 'recovered', 'trouble']);
});
