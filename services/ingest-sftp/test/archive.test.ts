import { mkdir, readdir } from 'node:fs/promises';
import { partitionFor } from '@millrace/core';
import { waitFor } from '@millrace/testkit';
import { describe, expect, test } from 'vitest';
import { fileError } from '../src/adapters/sftp/errors.ts';
import { SftpFiles } from '../src/adapters/sftp/sftp-files.ts';
import { csv, Harness, marksOf } from './harness.ts';

describe('the archive', () => {
  test('that refuses is tried again by itself', async () => {
    await using h = await Harness.create({ archive: true });
    await h.deliver('in/a.csv', csv(10));
    const files = new SftpFiles(h.pipeline.source.sftp);
    const rename = files.rename.bind(files);
    let refusals = 3;
    files.rename = async (from, to, signal) => {
      refusals -= 1;
      if (refusals >= 0) throw fileError('MR-FILE-PERMISSION', 'moving: permission denied');
      await rename(from, to, signal);
    };
    await using service = await h.run(h.pipeline, files);
    await waitFor(async () => (await readdir(h.path('in'))).length === 0, { what: 'the file to be moved' });
    expect(await readdir(h.path('done'))).toEqual(['a.csv']);
    expect(service.events.filter((event) => event.type === 'archive-failed')).toHaveLength(3);
    expect((await h.loads()).map((load) => load.version)).toEqual([1]);
  });

  test('takes two files of one name, size and time, once each', async () => {
    await using h = await Harness.create({ archive: true, match: 'in/*/a.csv' });
    // On one task partition and in one batch, so that both choose their place before either is moved.
    const partitionOf = (line: string): number =>
      partitionFor(Buffer.from(`${h.name}//${h.name}/in/${line}/a.csv`), 4);
    const lines = Array.from({ length: 20 }, (_, i) => `line${i}`).filter((line) => partitionOf(line) === 0);
    const mtime = new Date(1_750_000_000_000);
    for (const line of lines.slice(0, 2)) {
      await mkdir(h.path(`in/${line}`));
      await h.deliver(`in/${line}/a.csv`, csv(10), mtime);
    }
    await using service = await h.run();
    await h.ended(2);
    await waitFor(async () => (await readdir(h.path('done'))).length === 2, { what: 'both in the archive' });
    await waitFor(() => service.events.filter((event) => event.type === 'files-found').length > 5, {
      what: 'scans',
    });
    expect((await h.loads()).map((load) => load.version)).toEqual([1, 1]);
  });

  test('a stop before its place is chosen doubles nothing', async () => {
    await using h = await Harness.create({ archive: true });
    await h.deliver('in/a.csv', csv(10));
    const files = new SftpFiles(h.pipeline.source.sftp);
    const stat = files.stat.bind(files);
    const asked = Promise.withResolvers<void>();
    files.stat = (path, signal) => {
      if (!path.includes('/done/')) return stat(path, signal);
      asked.resolve();
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    const first = await h.run(h.pipeline, files);
    await asked.promise;
    await first.stop();
    await using _ = await h.run();
    const [load] = await h.ended(1);
    expect(await h.marks(loadId(load))).toEqual(marksOf(loadId(load), 10));
    expect(load?.published.n).toBe(10);
  });
});

describe('a file that is replaced', () => {
  test('just before a rename whose answer is lost is a load of its own all the same', async () => {
    await using h = await Harness.create({ archive: true });
    await h.deliver('in/a.csv', csv(10));
    const files = new SftpFiles(h.pipeline.source.sftp);
    const rename = files.rename.bind(files);
    const renamed = Promise.withResolvers<void>();
    files.rename = async (from, to, signal) => {
      await h.deliver('in/a.csv', csv(20));
      await rename(from, to, signal);
      renamed.resolve();
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    const first = await h.run(h.pipeline, files);
    await renamed.promise;
    await first.stop();
    await using _ = await h.run();
    const loads = await h.ended(2);
    expect(loads.map((load) => [load.path, load.version, load.published.n])).toEqual([
      [`/${h.name}/done/a.csv`, 2, 20],
      [`/${h.name}/in/a.csv`, 1, 10],
    ]);
  });

  test('after it was spooled is finished as it was, and then the next version', async () => {
    await using h = await Harness.create({ spool: true });
    await h.deliver('in/a.csv', csv(30_000));
    const files = new SftpFiles(h.pipeline.source.sftp);
    const read = files.read.bind(files);
    const stat = files.stat.bind(files);
    let looks = -1;
    files.read = async function* (path, size, signal) {
      yield* read(path, size, signal);
      if (looks < 0) looks = 0;
    };
    files.stat = async (path, signal) => {
      const found = await stat(path, signal);
      // The first look after the copy finds it as it was.
      if (looks === 0) await h.deliver('in/a.csv', csv(30_005));
      if (looks >= 0) looks += 1;
      return found;
    };
    await using _ = await h.run(h.pipeline, files);
    const loads = await h.ended(2);
    expect(loads.map((load) => [load.sourceState, load.published.n])).toEqual([
      ['published', 30_000],
      ['published', 30_005],
    ]);
  });

  test('between the last look and the rename is a load of its own, from the archive', async () => {
    await using h = await Harness.create({ archive: true });
    await h.deliver('in/a.csv', csv(10));
    const files = new SftpFiles(h.pipeline.source.sftp);
    const rename = files.rename.bind(files);
    files.rename = async (from, to, signal) => {
      await h.deliver('in/a.csv', csv(20));
      await rename(from, to, signal);
    };
    await using _ = await h.run(h.pipeline, files);
    const loads = await h.ended(2);
    expect(loads.map((load) => [load.path, load.version, load.published.n])).toEqual([
      [`/${h.name}/done/a.csv`, 2, 20],
      [`/${h.name}/in/a.csv`, 1, 10],
    ]);
  });

  test('while it is spooled has published nothing', async () => {
    await using h = await Harness.create({ spool: true });
    await h.deliver('in/a.csv', csv(30_000));
    const files = new SftpFiles(h.pipeline.source.sftp);
    const read = files.read.bind(files);
    let replaced = false;
    files.read = async function* (path, size, signal) {
      yield* read(path, size, signal);
      if (!replaced) await h.deliver('in/a.csv', csv(30_005));
      replaced = true;
    };
    await using _ = await h.run(h.pipeline, files);
    const loads = await h.ended(2);
    expect(loads.map((load) => [load.sourceState, load.published.n])).toEqual([
      ['abandoned', 0],
      ['published', 30_005],
    ]);
  });
});

function loadId(load: { readonly loadId: string } | undefined): string {
  return load?.loadId ?? '';
}
