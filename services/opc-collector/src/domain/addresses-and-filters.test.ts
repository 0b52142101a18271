import { FakeClock } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { Escalation } from './escalation.ts';
import { gapText, parseGap } from './gap.ts';
import { addressInSession, parseAddress, pinned } from './node-address.ts';
import { SetAside } from './set-aside.ts';
import { TagFilter } from './tag-filter.ts';

const BEFORE = ['http://opcfoundation.org/UA/', 'urn:server', 'urn:plant'];
const AFTER = ['http://opcfoundation.org/UA/', 'urn:server', 'urn:new', 'urn:plant'];

test.each([
  'i=85',
  'nsu=urn:plant;s=a;b=c',
  'ns=2;i=7',
  'nsu=urn:plant;g=09087e75-8e5e-499b-954f-f2a9603db28a',
])('%s is an address that stays the same node when indexes shift', (text) => {
  const address = parseAddress(text);
  const before = address && addressInSession(address, BEFORE);
  const stable = pinned(before ?? '', BEFORE);
  const again = parseAddress(stable);
  expect(pinned((again && addressInSession(again, AFTER)) ?? '', AFTER)).toBe(stable);
});

test('what is no address, or of a namespace that is not there, is told', () => {
  for (const text of ['', 'x', 's=', 'ns=x;s=a', 'i=a']) expect(parseAddress(text)).toBeNull();
  const address = parseAddress('nsu=urn:other;s=a');
  expect(address && addressInSession(address, BEFORE)).toBeNull();
});

test('exclude is stronger than include, and folders that are excluded are not entered', () => {
  const filter = new TagFilter({ include: ['Area*/**'], exclude: ['**/Diagnostics/**'] });
  expect(filter.takes('Area1/Temp')).toBe(true);
  expect(filter.takes('Other/Temp')).toBe(false);
  expect(filter.takes('Area1/Diagnostics/Load')).toBe(false);
  expect(filter.enters('Area1/Diagnostics')).toBe(false);
  expect(filter.enters('Other')).toBe(true);
});

test('silence after silence is answered with more, up to the exit; a sign of life begins again', () => {
  const escalation = new Escalation();
  const steps = Array.from({ length: 5 }, () => escalation.next());
  expect(steps).toEqual(['subscription', 'session', 'connection', 'exit', 'exit']);
  escalation.heard();
  expect(escalation.next()).toBe('subscription');
});

test('what is set aside is told once and tried again later and later', async () => {
  const clock = new FakeClock();
  const aside = new SetAside<string>(clock);
  expect([aside.put('a', 'a', 'gone'), aside.put('a', 'a', 'gone')]).toEqual([true, false]);
  expect(aside.due()).toEqual([]);
  await clock.advance(300_000);
  expect(aside.due()).toEqual(['a']);
  expect([aside.back('a'), aside.back('a')]).toEqual([true, false]);
});

test('a gap is read back as it was written; anything else is none', () => {
  const gap = { server: 's', fromMs: 1_000, toMs: 2_000, reason: 'overflow', lost: 7 } as const;
  expect(parseGap(Buffer.from(JSON.stringify(gap)))).toEqual(gap);
  expect(gapText(gap)).toBe(
    'gap from 1970-01-01T00:00:01.000Z to 1970-01-01T00:00:02.000Z: the spool was full; 7 readings lost',
  );
  for (const text of ['', '{}', '{"server":"s","toMs":1,"reason":"toString"}'])
    expect(parseGap(Buffer.from(text))).toBeNull();
});
