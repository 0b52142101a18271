import { MillraceError } from '@millrace/core';
import { FakeClock } from '@millrace/testkit';
import { expect, test, vi } from 'vitest';
import { livenessOf, PROGRESS_DEADLINE_MS, readinessOf } from './health.ts';
import { PipelineSupervisor } from './pipeline-supervisor.ts';
import type { PipelineHandle } from './service.ts';
import type { PipelineEvent } from './service-events.ts';

const fail = (kind: 'transient' | 'systemic' | 'halt' | 'config', code = `MR-${kind}`) =>
  new MillraceError({ kind, code, message: 'no', remedy: 'do this' });

function handle(clock: FakeClock, more: Partial<PipelineHandle> = {}): PipelineHandle {
  return {
    status: () => ({ ready: true }),
    lastProgressAt: () => clock.monotonic(),
    stop: async () => undefined,
    ...more,
  };
}

function supervise(start: (signal: AbortSignal, clock: FakeClock) => Promise<PipelineHandle>) {
  const clock = new FakeClock();
  const events: PipelineEvent[] = [];
  const onFatal = vi.fn();
  const supervisor = new PipelineSupervisor({
    name: 'p',
    clock,
    random: () => 1,
    emit: (event) => events.push(event),
    onFatal,
    start: (signal) => start(signal, clock),
  });
  supervisor.start();
  const lines = () => events.map((event) => event.type).filter((type) => type !== 'pipeline-start-failed');
  return { clock, events, lines, supervisor, onFatal };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a start that fails for a while is tried again, ever more slowly, and told once for each reason', async () => {
  const errors = [fail('transient'), fail('transient'), fail('systemic', 'MR-DISK-FULL')];
  const starts: number[] = [];
  const { clock, lines, supervisor } = supervise(async (_signal, time) => {
    starts.push(time.monotonic());
    const error = errors.shift();
    if (error) throw error;
    return handle(time);
  });
  await settled();
  expect(supervisor.status()).toMatchObject({
    state: 'retrying',
    ready: false,
    error: { remedy: 'do this' },
  });
  await clock.advance(10_000);
  expect(starts).toEqual([0, 200, 600, 2_600]);
  expect(lines()).toEqual(['pipeline-retrying', 'pipeline-retrying', 'pipeline-started']);
  expect(supervisor.status()).toEqual({ state: 'running', ready: true });
});

test.each(['halt', 'config'] as const)('a %s error stops this pipeline until a person acts', async (kind) => {
  const start = vi.fn(async () => Promise.reject(fail(kind)));
  const { clock, events, lines, supervisor } = supervise(start);
  await settled();
  await clock.advance(3_600_000);
  expect(start).toHaveBeenCalledTimes(1);
  expect(lines()).toEqual(['pipeline-halted']);
  expect(events.at(-1)).toMatchObject({ code: `MR-${kind}`, remedy: 'do this' });
  expect(supervisor.status()).toMatchObject({ state: 'halted', ready: false });
  await supervisor.stop();
});

test('stopping ends the wait for the next try', async () => {
  const { supervisor, lines } = supervise(async () => Promise.reject(fail('transient')));
  await settled();
  await supervisor.stop();
  expect(lines()).toEqual(['pipeline-retrying', 'pipeline-stopped']);
});

test('stopping during a start stops what was started', async () => {
  const stop = vi.fn(async () => undefined);
  const { supervisor } = supervise(
    (signal, clock) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(handle(clock, { stop })))),
  );
  await supervisor.stop();
  expect(stop).toHaveBeenCalledTimes(1);
});

test('a start that hangs does not hold up the stop; what it still starts is stopped', async () => {
  const stop = vi.fn(async () => undefined);
  const started = Promise.withResolvers<PipelineHandle>();
  const { clock, supervisor, lines } = supervise(() => started.promise);
  const stopped = supervisor.stop();
  await clock.advance(2_000);
  await stopped;
  expect(lines()).toEqual(['pipeline-stopped']);
  started.resolve(handle(clock, { stop }));
  await settled();
  expect(stop).toHaveBeenCalledTimes(1);
});

test('a stop that fails is told, and passed on', async () => {
  const { supervisor, lines } = supervise(async (_signal, clock) =>
    handle(clock, { stop: () => Promise.reject(fail('transient')) }),
  );
  await settled();
  await expect(supervisor.stop()).rejects.toThrow('no');
  expect(lines()).toEqual(['pipeline-started', 'pipeline-stop-failed']);
});

test('a pipeline beyond recovery is fatal', async () => {
  const crash = fail('halt');
  const { onFatal } = supervise(async (_signal, clock) => handle(clock, { done: Promise.reject(crash) }));
  await settled();
  expect(onFatal).toHaveBeenCalledExactlyOnceWith(crash);
});

test('alive is who makes progress; ready is who is connected and assigned', async () => {
  let ready = false;
  let progress = 0;
  const { clock, supervisor } = supervise(async (_signal, time) =>
    handle(time, { status: () => ({ ready }), lastProgressAt: () => progress }),
  );
  const facts = { kafkaConnected: true, stopping: false, files: [] };
  await settled();
  expect(livenessOf([supervisor], clock.monotonic()).live).toBe(true);
  expect(readinessOf([supervisor], facts).ready).toBe(false);
  ready = true;
  expect(readinessOf([supervisor], facts).ready).toBe(true);
  expect(readinessOf([supervisor], { ...facts, kafkaConnected: false }).ready).toBe(false);
  expect(readinessOf([supervisor], { ...facts, stopping: true }).ready).toBe(false);

  await clock.advance(PROGRESS_DEADLINE_MS + 1);
  expect(livenessOf([supervisor], clock.monotonic())).toEqual({ live: false, stuck: { p: 60_001 } });
  progress = clock.monotonic();
  expect(livenessOf([supervisor], clock.monotonic()).live).toBe(true);
});

test('a halted pipeline does not hold up the others, nor the process', async () => {
  const halted = supervise(async () => Promise.reject(fail('halt'))).supervisor;
  const working = supervise(async (_signal, clock) => handle(clock)).supervisor;
  await settled();
  const facts = { kafkaConnected: true, stopping: false, files: [] };
  expect(readinessOf([halted, working], facts).ready).toBe(true);
  expect(readinessOf([halted], facts).ready).toBe(false);
  expect(livenessOf([halted], 10 * PROGRESS_DEADLINE_MS).live).toBe(true);
});
