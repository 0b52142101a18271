import type { SpoolSettings } from '@millrace/config';
import { FakeClock } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { MemoryDisk } from '../testing/memory-disk.ts';
import { FRAME } from './frames.ts';
import { SpoolLog } from './log.ts';
import { framesOf, recoverSpool } from './recover.ts';
import { type SpoolEvent, SpoolWriter } from './writer.ts';

const SETTINGS: SpoolSettings = {
  bytesMax: 1024 * 1024,
  ageMaxMs: 86_400_000,
  overflow: 'dropOldest',
  rollMs: 3_600_000,
};
const META = { spoolId: 'a', server: 's', pid: 1, processStart: '1', host: 'h' };

async function begin(settings: Partial<SpoolSettings> = {}, disk = new MemoryDisk()) {
  const clock = new FakeClock();
  const events: SpoolEvent[] = [];
  await disk.replace('a/owner.json', Buffer.from(JSON.stringify(META)));
  const log = new SpoolLog(disk, 'a', META);
  const writer = new SpoolWriter(log, {
    disk,
    clock,
    settings: { ...SETTINGS, ...settings },
    schema: '{}',
    emit: (event) => events.push(event),
  });
  return { disk, clock, events, log, writer };
}

/** The numbers that were appended and can be read from the log, and the gaps, in order. */
async function contents(disk: MemoryDisk, log: SpoolLog): Promise<string[]> {
  const found: string[] = [];
  for (let index = 0; index <= log.lastIndex; index += 1) {
    const segment = log.segment(index);
    if (!segment) continue;
    if (segment.dropped) found.push(`dropped ${segment.readings}`);
    else
      for await (const frame of framesOf(disk, `a/${String(index).padStart(8, '0')}.seg`, 0, segment.bytes)) {
        if (frame === 'damaged') found.push('damaged');
        else if (frame.kind === FRAME.reading && frame.sequence < segment.nextSequence)
          found.push(frame.body.toString());
        else if (frame.kind === FRAME.gap) found.push(`lost ${JSON.parse(frame.body.toString()).lost}`);
      }
  }
  return found;
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => String(from + i));
}

function append(writer: SpoolWriter, from: number, to: number, padding = 0): void {
  for (const number of numbers(from, to))
    writer.append('k', Buffer.from(number.padStart(padding, '0')), Number(number));
}

test('what was synced is found again after a crash, in order; what was not may be cut anywhere', async () => {
  const { disk, log, writer } = await begin();
  append(writer, 0, 1000);
  await writer.sync();
  append(writer, 1000, 1010);
  expect(await contents(disk, log)).toEqual(numbers(0, 1000));
  await writer.sync();
  const whole = disk.bytes('a/00000000.seg');
  for (let cut = 0; cut < 400; cut += 7) {
    disk.put('a/00000000.seg', whole.subarray(0, whole.length - cut));
    const recovered = await recoverSpool(disk, 'a');
    const found = await contents(disk, recovered as SpoolLog);
    expect(found).toEqual(numbers(0, found.length));
    expect(found.length).toBeGreaterThanOrEqual(1010 - Math.ceil(cut / 29) - 1);
    expect(recovered?.sealed).toBe(true);
  }
  await writer.seal();
});

test('a failed sync: nothing synced is lost, nothing comes twice, before and after a crash', async () => {
  const { disk, log, writer, events } = await begin();
  append(writer, 0, 100);
  await writer.sync();
  disk.failSyncs = 1;
  append(writer, 100, 200);
  await writer.sync();
  append(writer, 200, 300);
  await writer.sync();
  expect(events.map((event) => event.type)).toContain('spool-failed');
  expect(await contents(disk, log)).toEqual(numbers(0, 300));
  // The bytes of the failed sync are in the first file as well: they must not be told twice.
  const recovered = await recoverSpool(disk, 'a');
  expect(await contents(disk, recovered as SpoolLog)).toEqual(expect.arrayContaining(numbers(0, 300)));
  const counted = [0, 1].map((i) => recovered?.segment(i)?.nextSequence);
  expect(counted).toEqual([101, 301]);
  await writer.seal();
});

test('a disk that refuses everything: memory is bounded, the loss is counted exactly and written when it is back', async () => {
  const { disk, clock, log, writer, events } = await begin({ bytesMax: 1024 ** 3 });
  disk.failWrites = Number.POSITIVE_INFINITY;
  const kept = new Set<boolean>();
  let lost = 0;
  for (let i = 0; i < 20_000; i += 1) {
    const taken = writer.append('k', Buffer.alloc(1024), i);
    if (!taken) lost += 1;
    kept.add(taken);
    if (i % 1000 === 0) await writer.sync();
  }
  expect(lost).toBeGreaterThan(0);
  disk.failWrites = 0;
  await clock.advance(60_000);
  await writer.sync();
  await writer.sync();
  append(writer, 0, 1);
  await writer.seal();
  const found = await contents(disk, log);
  expect(found.filter((one) => one.startsWith('lost'))).toEqual([`lost ${lost}`]);
  expect(found.length).toBe(20_000 - lost + 2);
  expect(events.some((event) => event.type === 'spool-recovered')).toBe(true);
});

test('overflow dropOldest: whole segments go, oldest first, never the one being published; the count is exact', async () => {
  const { disk, log, writer, events } = await begin();
  for (let i = 0; i < 30_000; i += 500) {
    append(writer, i, i + 500, 100);
    await writer.sync();
    if (i === 0) log.begin(0);
  }
  await writer.seal();
  const found = await contents(disk, log);
  const dropped = found.filter((one) => one.startsWith('dropped')).map((one) => Number(one.slice(8)));
  const sum = dropped.reduce((x, y) => x + y, 0);
  expect(sum).toBeGreaterThan(10_000);
  expect(found.filter((one) => !one.startsWith('dropped')).length).toBe(30_000 - sum);
  expect(found[0]).toBe('0'.padStart(100, '0'));
  expect(log.bytes).toBeLessThanOrEqual(SETTINGS.bytesMax + 200_000);
  const told = events.flatMap((event) => (event.type === 'readings-lost' ? [event.count] : []));
  expect(told).toEqual(dropped);
  const recovered = await recoverSpool(disk, 'a');
  expect(await contents(disk, recovered as SpoolLog)).toEqual(found);
});

test('overflow dropNewest: what is there stays, what comes is counted, and the count is written', async () => {
  const { disk, clock, log, writer } = await begin({ overflow: 'dropNewest' });
  let lost = 0;
  for (let i = 0; i < 30_000; i += 1) {
    if (!writer.append('k', Buffer.from(String(i).padStart(100, '0')), i)) lost += 1;
    if (i % 500 === 499) await writer.sync();
  }
  await clock.advance(11_000);
  await writer.seal();
  const found = await contents(disk, log);
  expect(lost).toBeGreaterThan(10_000);
  expect(found.filter((one) => !one.startsWith('lost')).length).toBe(30_000 - lost);
  const told = found.filter((one) => one.startsWith('lost')).map((one) => Number(one.slice(5)));
  expect(told.reduce((x, y) => x + y, 0)).toBe(lost);
});

test('a segment ends by age, also when nothing comes any more', async () => {
  const { log, clock, writer } = await begin({ rollMs: 1_000 });
  append(writer, 0, 10);
  await writer.sync();
  expect(log.segment(0)?.closed).toBe(false);
  await clock.advance(1_001);
  await writer.sync();
  expect(log.segment(0)?.closed).toBe(true);
  await writer.seal();
});

test('bytes that go bad in the middle are told with what is behind them', async () => {
  const { disk, writer } = await begin();
  append(writer, 0, 100);
  await writer.sync();
  disk.failSyncs = 1;
  append(writer, 100, 110);
  await writer.sync();
  await writer.seal();
  const bytes = Buffer.from(disk.bytes('a/00000000.seg'));
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  disk.put('a/00000000.seg', bytes);
  const recovered = await recoverSpool(disk, 'a');
  const [first, second] = [recovered?.segment(0), recovered?.segment(1)];
  expect(first?.readings).toBeLessThan(60);
  expect((first?.readings ?? 0) + (first?.missing ?? 0)).toBe(100);
  expect([second?.readings, second?.missing]).toEqual([10, 0]);
});
