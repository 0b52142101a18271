import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Service, spawnService, tempDir, waitFor } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { isAlive, readState, type StackState, signal, startStack } from '../src/index.ts';

const INDEX = join(import.meta.dirname, '..', 'src', 'index.ts');

/** A process of its own that owns a small stack, until it is killed. */
async function owner(dir: string): Promise<Service> {
  const entry = join(dir, 'owner.mjs');
  const parts = `['postgres', 'sftp']`;
  await writeFile(
    entry,
    `import { startStack } from ${JSON.stringify(INDEX)};
     await startStack({ dir: ${JSON.stringify(join(dir, 'stack'))}, parts: ${parts} });
     console.log('up');
     setInterval(() => undefined, 1_000);`,
  );
  const service = spawnService({ entry });
  await service.waitForLog((line) => line.msg === 'up', 'the stack to be up');
  return service;
}

function stateOf(dir: string): StackState {
  const state = readState(join(dir, 'stack'));
  if (state === undefined) throw new Error('no state');
  return state;
}

/** Kills the owner, and fails unless its servers end as well. */
async function endWithServers(service: Service, dir: string): Promise<void> {
  const processes = Object.values(stateOf(dir).processes);
  service.kill('SIGKILL');
  await waitFor(() => !processes.some(isAlive), { what: 'the servers to end' });
}

test('the servers end with the process that started them, also when it is killed', async () => {
  await using dir = await tempDir();
  const service = await owner(dir.path);
  const processes = Object.values(stateOf(dir.path).processes);
  expect(processes).toHaveLength(4);
  expect(processes.every(isAlive)).toBe(true);
  await endWithServers(service, dir.path);
});

test('what even the guards could not end is reaped by the next start, which keeps addresses and data', async () => {
  await using dir = await tempDir();
  const service = await owner(dir.path);
  const before = stateOf(dir.path);
  const processes = Object.entries(before.processes);
  // Guards first: nobody is left to end the servers.
  for (const [name, identity] of processes) if (name.endsWith('(guard)')) signal(identity, 'SIGKILL');
  service.kill('SIGKILL');
  await service.exited;
  expect(processes.filter(([, identity]) => isAlive(identity)).map(([name]) => name)).toHaveLength(2);

  const said: string[] = [];
  const progress = (line: string) => said.push(line);
  const stack = await startStack({ dir: join(dir.path, 'stack'), parts: ['postgres', 'sftp'], progress });
  try {
    expect(said[0]).toMatch(/ended what a killed run had left: .*postgres/);
    expect(processes.some(([, identity]) => isAlive(identity))).toBe(false);
    expect(stack.env).toEqual(before.env);
  } finally {
    await stack.stop();
  }
});

test('a second owner of the same folder is refused, and the state file is for its owner only', async () => {
  await using dir = await tempDir();
  const service = await owner(dir.path);
  await expect(startStack({ dir: join(dir.path, 'stack'), parts: ['sftp'] })).rejects.toMatchObject({
    code: 'MR-STACK-BUSY',
  });
  expect(service.running).toBe(true);
  expect((await stat(join(dir.path, 'stack', 'state.json'))).mode & 0o077).toBe(0);
  await endWithServers(service, dir.path);
});

test('a part that cannot start is named, and the others are stopped', async () => {
  await using dir = await tempDir();
  const start = startStack({
    dir: join(dir.path, 'stack'),
    parts: ['kafka', 'sftp'],
    kafkaProperties: { 'process.roles': 'nonsense' },
  });
  await expect(start).rejects.toThrow(/StorageTool|kafka|java/);
  expect(Object.values(stateOf(dir.path).processes).some(isAlive)).toBe(false);
});
