import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Service, spawnService, tempDir } from '@millrace/testkit';
import { expect, test } from 'vitest';

const PASSWORD = 'planted-hunter2';
// The variable's name gives nothing away: only the pipeline's own field says that it is a secret.

function pipelineText(name: string): string {
  return `pipeline: ${name}
source:
  sftp: { host: h, user: u, password: "\${PLANT_LOGIN}", hostKey: SHA256:${'a'.repeat(43)} }
  files: [{ match: /a/*.csv }]
record: { key: [a], fields: { a: { type: string } } }
sinks: { s: { postgres: { url: postgres://localhost/x }, table: T, append: true } }
`;
}

interface Run extends AsyncDisposable {
  readonly service: Service;
  readonly url: () => Promise<string>;
  readonly steps: () => readonly unknown[];
}

async function run(mode: string, pipelines = ['one'], env: Record<string, string> = {}): Promise<Run> {
  const folder = await tempDir('service-kit');
  const pipelinesFolder = join(folder.path, 'pipelines');
  mkdirSync(pipelinesFolder);
  for (const name of pipelines) writeFileSync(join(pipelinesFolder, `${name}.yaml`), pipelineText(name));
  const service = spawnService({
    entry: join(import.meta.dirname, 'service-under-test.ts'),
    env: {
      TEST_MODE: mode,
      KAFKA_BROKERS: 'localhost:1',
      SCHEMA_REGISTRY_URL: 'http://localhost:1',
      MILLRACE_PIPELINES: pipelinesFolder,
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: '0',
      PLANT_LOGIN: PASSWORD,
      ...env,
    },
  });
  return {
    service,
    url: async () => String((await service.waitForLog((line) => line.event === 'started', 'the start')).http),
    steps: () => service.logs.filter((line) => line.event === 'step').map((line) => line.msg),
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const running = (service: Service) =>
  service.waitForLog((line) => line.event === 'pipeline-started', 'the pipeline');

test.each(['SIGTERM', 'SIGINT'] as const)('%s drains in one order and exits 0', async (signal) => {
  await using one = await run('');
  await running(one.service);
  one.service.kill(signal);
  expect(await one.service.exited).toEqual({ code: 0, signal: null });
  expect(one.steps()).toEqual(['polling stopped', 'drained', 'committed', 'left', 'closed', 'kafka closed']);
  expect(one.service.logs.at(-1)).toMatchObject({
    event: 'stopped',
    code: 0,
    service: 'transformer',
    version: '1.2.3',
  });
});

test('a flush that failed exits 1, and Kafka is closed all the same', async () => {
  await using one = await run('flush-fails');
  await running(one.service);
  one.service.kill('SIGTERM');
  expect(await one.service.exited).toEqual({ code: 1, signal: null });
  expect(one.steps().at(-1)).toBe('kafka closed');
  expect(one.service.logs.find((line) => line.event === 'pipeline-stop-failed')).toMatchObject({
    pipeline: 'one',
    error: { message: 'the last batch was not flushed' },
  });
});

test('what does not end before the deadline is named, and exits 1', async () => {
  await using one = await run('overdue');
  await running(one.service);
  one.service.kill('SIGTERM');
  expect(await one.service.exited).toEqual({ code: 1, signal: null });
  expect(one.service.logs.find((line) => line.event === 'stop-overdue')).toMatchObject({
    waitingFor: ['one'],
  });
  expect(one.steps().at(-1)).toBe('kafka closed');
});

test('a second signal ends at once', async () => {
  await using one = await run('stop-hangs');
  await running(one.service);
  one.service.kill('SIGTERM');
  await one.service.waitForLog((line) => line.msg === 'closed', 'the drain');
  one.service.kill('SIGTERM');
  expect(await one.service.exited).toEqual({ code: 1, signal: null });
  expect(one.service.logs.at(-1)).toMatchObject({ event: 'stopped-at-once' });
});

test('an unhandled rejection ends the process', async () => {
  await using one = await run('rejects');
  expect(await one.service.exited).toEqual({ code: 1, signal: null });
  expect(one.service.logs.at(-1)).toMatchObject({
    event: 'crashed',
    what: 'unhandled rejection',
    error: { message: 'nobody listens' },
  });
});

test('a pipeline beyond recovery drains and ends the process, non-zero', async () => {
  await using one = await run('beyond-recovery');
  expect(await one.service.exited).toEqual({ code: 1, signal: null });
  expect(one.steps()).toContain('committed');
});

test('an environment with mistakes: all are named, exit 1', async () => {
  await using one = await run('', [], { KAFKA_BROKERS: '', HTTP_PORT: 'x' });
  expect(await one.service.exited).toEqual({ code: 1, signal: null });
  expect(JSON.stringify(one.service.logs)).toMatch(/KAFKA_BROKERS is not set.*HTTP_PORT is not a port/);
});

test('a pipeline that halts and a file that is broken leave the others at work', async () => {
  await using one = await run('', ['halting', 'one', 'Broken']);
  await running(one.service);
  const url = await one.url();
  const response = await fetch(`${url}/readyz`);
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    ready: true,
    pipelines: {
      halting: { state: 'halted', ready: false, error: { code: 'MR-TEST', remedy: 'drain' } },
      one: { state: 'running', ready: true, detail: { partitions: 8 } },
    },
    files: [expect.stringMatching(/Broken\.yaml:1:11/)],
  });
  expect(one.service.logs.filter((line) => line.event === 'pipeline-halted')).toMatchObject([
    { pipeline: 'halting', code: 'MR-TEST', remedy: 'drain' },
  ]);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toContain('millrace_pipeline_halted{pipeline="halting"} 1');
  expect(metrics).toContain('millrace_pipeline_running{pipeline="one"} 1');
  expect(metrics).toContain('nodejs_eventloop_lag_seconds');
});

test('Kafka away: not ready, but alive', async () => {
  await using one = await run('kafka-away');
  await running(one.service);
  const url = await one.url();
  expect((await fetch(`${url}/readyz`)).status).toBe(503);
  expect((await fetch(`${url}/livez`)).status).toBe(200);
});

test('a stuck loop: not alive', async () => {
  await using one = await run('stuck');
  await running(one.service);
  const response = await fetch(`${await one.url()}/livez`);
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({ live: false, stuck: { one: expect.any(Number) } });
});

test('a password of a pipeline is nowhere to be seen', async () => {
  await using one = await run('leaks');
  await one.service.waitForLog((line) => line.event === 'pipeline-halted', 'the halt');
  const seen = [
    JSON.stringify(one.service.logs),
    await (await fetch(`${await one.url()}/readyz`)).text(),
    await (await fetch(`${await one.url()}/metrics`)).text(),
  ];
  expect(seen.join('\n')).not.toContain(PASSWORD);
  expect(seen[0]).toContain('logging in with [secret]');
});
