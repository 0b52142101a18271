import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cached, sha256, verifyChecksums } from '../src/cache.ts';

let folder: string;
let list: string;
const previous = process.env.MILLRACE_CACHE;

beforeEach(async () => {
  const parent = await mkdtemp(join(tmpdir(), 'millrace-'));
  folder = await mkdtemp(join(parent, 'libs-'));
  list = join(parent, 'checksums.sha256');
  process.env.MILLRACE_CACHE = join(parent, 'cache');
  await writeFile(join(folder, 'a.jar'), 'a');
  await writeFile(list, `${sha256('a')}  a.jar\n`);
});

afterEach(async () => {
  if (previous === undefined) delete process.env.MILLRACE_CACHE;
  else process.env.MILLRACE_CACHE = previous;
  await rm(join(folder, '..'), { recursive: true });
});

test('the committed files and nothing else pass', async () => {
  await verifyChecksums(folder, list);
});

test('a changed, an additional and a missing file are refused by name', async () => {
  await writeFile(join(folder, 'a.jar'), 'b');
  await expect(verifyChecksums(folder, list)).rejects.toThrow('a.jar differs');
  await writeFile(join(folder, 'a.jar'), 'a');
  await writeFile(join(folder, 'b.jar'), 'b');
  await expect(verifyChecksums(folder, list)).rejects.toThrow('b.jar was downloaded');
  await rm(join(folder, 'b.jar'));
  await writeFile(list, `${sha256('a')}  a.jar\n${sha256('c')}  c.jar\n`);
  await expect(verifyChecksums(folder, list)).rejects.toThrow('c.jar was not downloaded');
});

test('a folder is filled once, by whoever is first, and never half', async () => {
  let fills = 0;
  const fill = async (aside: string) => {
    fills += 1;
    await writeFile(join(aside, 'file'), 'content');
  };
  const failing = cached('part', 'v1', () => Promise.reject(new Error('no network')));
  await expect(failing).rejects.toThrow('no network');
  const both = await Promise.all([cached('part', 'v1', fill), cached('part', 'v1', fill)]);
  expect(both[0]).toBe(both[1]);
  const before = fills;
  await cached('part', 'v1', fill);
  expect(fills).toBe(before);
  expect(await cached('part', 'v2', fill)).not.toBe(both[0]);
});
