import { FakeClock } from '@millrace/testkit';
import { expect, test } from 'vitest';
import type { KafkaEvent } from '../types.ts';
import { Availability } from './availability.ts';

test('tells each change once, and asks again until the cluster is back', async () => {
  const clock = new FakeClock();
  const events: KafkaEvent[] = [];
  let probes = 0;
  const availability: Availability = new Availability(
    { clock, random: () => 1, onEvent: (event) => events.push(event) },
    async () => {
      probes += 1;
      if (probes < 3) throw new Error('still away');
      availability.succeeded();
    },
  );
  availability.succeeded();
  expect([availability.connected, events]).toEqual([true, []]);
  availability.failed(new Error('away'));
  availability.failed(new Error('away'));
  expect(availability.connected).toBe(false);
  for (const ms of [200, 400, 800, 1_600, 3_200]) await clock.advance(ms);
  expect(availability.connected).toBe(true);
  expect(probes).toBe(3);
  expect(events).toEqual([
    { type: 'broker-lost', error: new Error('away') },
    { type: 'broker-back', downMs: 1_400 },
  ]);
  availability.close();
});
