import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { spawnService, tempDir } from '../src/index.ts';

const SERVICE = `
  const alive = setInterval(() => undefined, 1_000);
  process.on('SIGTERM', () => { clearInterval(alive); process.exitCode = 3; });
  console.log(JSON.stringify({ msg: 'up', greeting: process.env.GREETING }));
  console.error('plain words');
`;

test('captures log lines, ends politely and reports the exit', async () => {
  await using dir = await tempDir();
  const entry = join(dir.path, 'service.mjs');
  await writeFile(entry, SERVICE);
  await using service = spawnService({ entry, env: { GREETING: 'hello' } });
  const line = await service.waitForLog((l) => l.msg === 'up', 'the first line');
  expect(line).toMatchObject({ greeting: 'hello' });
  await service.waitForLog((l) => l.msg === 'plain words', 'a line that is not JSON');
  expect(await service.stop()).toEqual({ code: 3, signal: null });
  const waiting = service.waitForLog((l) => l.msg === 'never', 'a line that does not come');
  await expect(waiting).rejects.toThrow('ended before a line that does not come');
});

test('a kill is seen as one', async () => {
  await using dir = await tempDir();
  const entry = join(dir.path, 'service.mjs');
  await writeFile(entry, SERVICE);
  const service = spawnService({ entry });
  await service.waitForLog((l) => l.msg === 'up', 'the first line');
  service.kill('SIGKILL');
  expect(await service.exited).toEqual({ code: null, signal: 'SIGKILL' });
});
