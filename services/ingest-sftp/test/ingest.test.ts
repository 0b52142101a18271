import { appendFile, readdir } from 'node:fs/promises';
import { connectSftpControl } from '@millrace/stack';
import { waitFor } from '@millrace/testkit';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { fileError } from '../src/adapters/sftp/errors.ts';
import { SftpFiles } from '../src/adapters/sftp/sftp-files.ts';
import { csv, Harness, marksOf } from './harness.ts';

const control = connectSftpControl(inject('stack').SFTP_CONTROL_URL ?? '');

afterEach(async () => {
  await control.fault({ kind: 'heal' });
});

describe('a file', () => {
  test('becomes rows with typed values, key, mark and file time, once each; the account balances', async () => {
    await using h = await Harness.create();
    const mtime = new Date(1_750_000_000_000);
    await h.deliver('in/a b ü.csv', csv(25_000), mtime);
    await using _ = await h.run();
    const [load] = await h.ended(1);
    expect(load).toMatchObject({ sourceState: 'published', path: `/${h.name}/in/a b ü.csv`, version: 1 });
    expect(load?.differences.filter((text) => text.startsWith('rows'))).toEqual([]);
    expect([load?.rows.n, load?.published.n]).toEqual([25_000, 25_000]);
    expect(await h.marks(load?.loadId ?? '')).toEqual(marksOf(load?.loadId ?? '', 25_000));
    const first = (await h.raw()).find((row) => row.mark.endsWith(':1'));
    expect(first).toMatchObject({
      key: 'T0|2025-10-09T08:53:20.000000Z',
      fileTime: mtime.getTime().toString(36),
      value: { tag: 'T0', at: 1_760_000_000_000_000, value: 0.5 },
    });
  });

  test('without rows, without bytes, or without a last line end is a load all the same', async () => {
    await using h = await Harness.create();
    await h.deliver('in/empty.csv', '');
    await h.deliver('in/header.csv', 'Tag;Time;Value\r\n');
    await h.deliver('in/tail.csv', 'Tag;Time;Value\r\nT;2026-01-01T00:00:00Z;1');
    await using _ = await h.run();
    const loads = await h.ended(3);
    expect(loads.map((load) => [load.sourceState, load.rows.n])).toEqual([
      ['published', 0],
      ['published', 0],
      ['published', 1],
    ]);
  });

  test('has its bad rows set aside with reason, line and bytes', async () => {
    await using h = await Harness.create();
    const lines = [
      'Tag;Time;Value',
      'A;2026-01-01T00:00:00Z;1',
      'B;never;2',
      'C;2026-01-01T00:00:00Z',
      ';2026-01-01T00:00:00Z;3',
      '"D;2026',
      'E;2026-01-01T00:00:00Z;x',
      'F;2026-01-01T00:00:00Z;',
    ];
    await h.deliver('in/bad.csv', `${lines.join('\n')}\n`);
    await using _ = await h.run();
    const [load] = await h.ended(1);
    expect([load?.rows.n, load?.published.n, load?.rejectedAtSource.n]).toEqual([7, 2, 5]);
    const letters = (await h.deadLetters()).sort((x, y) => x.row - y.row);
    expect(
      letters.map((one) => [one.row, one.reason, one.field, one.sourceLine, one.original?.toString()]),
    ).toEqual([
      [2, 'MR-ROW-TIMESTAMP', 'at', 3, 'B;never;2'],
      [3, 'MR-ROW-COLUMNS', null, 4, 'C;2026-01-01T00:00:00Z'],
      [4, 'MR-ROW-MISSING', 'tag', 5, ';2026-01-01T00:00:00Z;3'],
      [5, 'MR-ROW-QUOTE', null, 6, '"D;2026'],
      [6, 'MR-ROW-NUMBER', 'value', 7, 'E;2026-01-01T00:00:00Z;x'],
    ]);
  });

  test('without a column is abandoned with the place, and taken again when it was mended', async () => {
    await using h = await Harness.create();
    await h.deliver('in/a.csv', 'Tag;When;Value\nA;2026-01-01T00:00:00Z;1\n');
    await using _ = await h.run();
    const [bad] = await h.ended(1);
    expect(bad).toMatchObject({
      sourceState: 'abandoned',
      reason: 'MR-FILE-COLUMN-MISSING: line 1: column "Time" is missing',
    });
    await h.deliver('in/a.csv', 'Tag;Time;Value\nA;2026-01-01T00:00:00Z;12\n');
    const loads = await h.ended(2);
    expect(loads.map((load) => [load.version, load.sourceState, load.published.n])).toEqual([
      [1, 'abandoned', 0],
      [2, 'published', 1],
    ]);
  });

  test('that grows is taken when it stands still, as one load', async () => {
    await using h = await Harness.create();
    await h.deliver('in/grows.csv', csv(100));
    await using service = await h.run();
    for (let i = 0; i < 5; i += 1) {
      await appendFile(h.path('in/grows.csv'), 'T;2026-01-01T00:00:00Z;1\n');
      const scans = service.events.filter((event) => event.type === 'files-found').length;
      await waitFor(() => service.events.filter((event) => event.type === 'files-found').length > scans, {
        what: 'the next scan',
      });
    }
    const loads = await waitFor(
      async () => {
        const all = await h.ended(1);
        return all.at(-1)?.rows.n === 105 ? all : null;
      },
      { what: 'all rows' },
    );
    // A listing may have seen it still between two appends; whatever was taken then is abandoned or a version.
    expect(loads.filter((load) => load.sourceState === 'published').at(-1)?.rows.n).toBe(105);
  });
});

describe('deliveries', () => {
  test('unchanged are taken once; changed ones are the next version', async () => {
    await using h = await Harness.create();
    await h.deliver('in/a.csv', csv(10), new Date(1_750_000_000_000));
    await using service = await h.run();
    await h.ended(1);
    await h.deliver('in/a.csv', csv(10), new Date(1_750_000_000_000));
    const scans = service.events.length;
    await waitFor(() => service.events.length > scans + 4, { what: 'more scans' });
    expect(await h.loads()).toHaveLength(1);
    await h.deliver('in/a.csv', csv(11));
    const loads = await h.ended(2);
    expect(loads.map((load) => [load.version, load.rows.n])).toEqual([
      [1, 10],
      [2, 11],
    ]);
  });

  test('are archived when published, never over another; the same again is a new load', async () => {
    await using h = await Harness.create({ archive: true });
    const mtime = new Date(1_750_000_000_000);
    await h.deliver('in/a.csv', csv(10), mtime);
    await using _ = await h.run();
    await h.ended(1);
    await waitFor(async () => (await readdir(h.path('done'))).includes('a.csv'), { what: 'the archive' });
    await h.deliver('in/a.csv', csv(10), mtime);
    const loads = await h.ended(2);
    await waitFor(async () => (await readdir(h.path('done'))).length === 2, {
      what: 'the second in the archive',
    });
    expect((await readdir(h.path('done'))).sort()).toEqual(['a.csv', 'a.csv.v2']);
    expect(loads.map((load) => [load.version, load.published.n])).toEqual([
      [1, 10],
      [2, 10],
    ]);
    expect(await readdir(h.path('in'))).toEqual([]);
  });
});

describe('trouble', () => {
  test('a source that trickles holds no rows back: the timer commits them', async () => {
    await using h = await Harness.create();
    await h.deliver('in/a.csv', csv(20_000));
    const files = new SftpFiles(h.pipeline.source.sftp);
    const read = files.read.bind(files);
    const trickle = Promise.withResolvers<void>();
    files.read = async function* (path, size, signal) {
      for await (const chunk of read(path, size, signal)) {
        yield chunk;
        await trickle.promise;
      }
    };
    await using _ = await h.run(h.pipeline, files);
    const rows = await waitFor(async () => (await h.raw()).length, { what: 'rows of an unfinished file' });
    expect(rows).toBeLessThan(10_000);
    expect(await h.loads()).toMatchObject([{ sourceState: 'open' }]);
    trickle.resolve();
    const [load] = await h.ended(1);
    expect(await h.marks(load?.loadId ?? '')).toEqual(marksOf(load?.loadId ?? '', 20_000));
  });

  test('a cut connection in the middle costs and doubles nothing', async () => {
    await using h = await Harness.create();
    await h.deliver('in/a.csv', csv(200_000));
    await control.fault({ kind: 'cutAfterBytes', bytes: 4_000_000 });
    await using service = await h.run();
    const [load] = await h.ended(1);
    expect(load).toMatchObject({ sourceState: 'published', version: 1 });
    expect(await h.marks(load?.loadId ?? '')).toEqual(marksOf(load?.loadId ?? '', 200_000));
    const types = service.events.map((event) => event.type);
    expect(types.filter((type) => type === 'server-lost')).toHaveLength(1);
    expect(types.filter((type) => type === 'server-back')).toHaveLength(1);
  });

  test('an unreadable file is abandoned and stops nobody', async () => {
    await using h = await Harness.create();
    await h.deliver('in/a.csv', csv(3));
    await h.deliver('in/b.csv', csv(4));
    const files = new SftpFiles(h.pipeline.source.sftp);
    const read = files.read.bind(files);
    files.read = (path, size, signal) => {
      if (path.endsWith('/a.csv')) throw fileError('MR-FILE-PERMISSION', 'reading: permission denied');
      return read(path, size, signal);
    };
    await using service = await h.run(h.pipeline, files);
    const loads = await waitFor(
      async () => {
        const all = await h.loads();
        return all.some((load) => load.sourceState === 'abandoned') &&
          all.some((load) => load.sourceState === 'published')
          ? all
          : null;
      },
      { what: 'both to end' },
    );
    expect(loads.find((load) => load.sourceState === 'published')?.rows.n).toBe(4);
    expect(loads[0]).toMatchObject({ version: 1, reason: 'MR-FILE-PERMISSION: reading: permission denied' });
    expect(service.events.filter((event) => event.type === 'server-lost')).toEqual([]);
  });
});

describe.concurrent('a killed service', () => {
  test.each(['ingest.after-send', 'ingest.after-commit'])('at %s goes on where it was', async (point) => {
    await using h = await Harness.create();
    await h.deliver('in/a.csv', csv(90_000));
    const first = h.spawn({ MILLRACE_CRASH_AT: `${point}:9` });
    expect(await first.exited).toMatchObject({ signal: 'SIGKILL' });
    await using service = await h.run();
    const [load] = await h.ended(1);
    expect(load).toMatchObject({ sourceState: 'published', version: 1 });
    expect(await h.marks(load?.loadId ?? '')).toEqual(marksOf(load?.loadId ?? '', 90_000));
    expect([load?.rows.n, load?.published.n]).toEqual([90_000, 90_000]);
    expect(service.events.some((event) => event.type === 'load-resumed')).toBe(true);
  });

  test('whose file changed meanwhile abandons it, and the new version is complete', async () => {
    await using h = await Harness.create();
    await h.deliver('in/a.csv', csv(90_000), new Date(1_750_000_000_000));
    const first = h.spawn({ MILLRACE_CRASH_AT: 'ingest.after-commit:9' });
    await first.exited;
    await h.deliver('in/a.csv', csv(90_010), new Date(1_750_000_100_000));
    await using _ = await h.run();
    const loads = await h.ended(2);
    expect(loads.map((load) => load.sourceState)).toEqual(['abandoned', 'published']);
    const [old, fresh] = loads;
    expect(await h.marks(fresh?.loadId ?? '')).toEqual(marksOf(fresh?.loadId ?? '', 90_010));
    expect((await h.marks(old?.loadId ?? '')).length).toBe(old?.published.n);
  });

  test('notices a changed beginning behind equal size and time', async () => {
    await using h = await Harness.create();
    const mtime = new Date(1_750_000_000_000);
    await h.deliver('in/a.csv', csv(90_000), mtime);
    await h.spawn({ MILLRACE_CRASH_AT: 'ingest.after-commit:9' }).exited;
    await h.deliver('in/a.csv', csv(90_000).replace('T0;', 'X0;'), mtime);
    await using _ = await h.run();
    const loads = await h.ended(2);
    expect(loads.map((load) => load.sourceState)).toEqual(['abandoned', 'published']);
    expect(loads[0]?.reason).toMatch(/beginning changed/);
  });

  test.each(['ingest.before-archive', 'ingest.after-archive'])('at %s archives once', async (point) => {
    await using h = await Harness.create({ archive: true });
    await h.deliver('in/a.csv', csv(10));
    await h.spawn({ MILLRACE_CRASH_AT: point }).exited;
    await using service = await h.run();
    await waitFor(async () => (await readdir(h.path('in'))).length === 0, { what: 'the file to be gone' });
    await waitFor(() => service.events.filter((event) => event.type === 'files-found').length > 3, {
      what: 'scans',
    });
    expect(await readdir(h.path('done'))).toEqual(['a.csv']);
    expect((await h.loads()).map((load) => load.version)).toEqual([1]);
  });

  test('by SIGTERM drains and exits 0', async () => {
    await using h = await Harness.create();
    await h.deliver('in/a.csv', csv(1_000));
    const service = h.spawn();
    await h.ended(1);
    const { code } = await service.stop();
    expect({ code, log: code === 0 ? [] : service.logs.slice(-5) }).toEqual({ code: 0, log: [] });
  });
});

test('a load that two states of the pipeline file have read says so', async () => {
  await using h = await Harness.create();
  await h.deliver('in/a.csv', csv(90_000));
  await h.spawn({ MILLRACE_CRASH_AT: 'ingest.after-commit:9' }).exited;
  await using service = await h.run(await h.edited());
  const [load] = await h.ended(1);
  expect(load).toMatchObject({ sourceState: 'published', reason: expect.stringMatching(/^MR-LOAD-EDITED/) });
  expect(await h.marks(load?.loadId ?? '')).toEqual(marksOf(load?.loadId ?? '', 90_000));
  expect(service.events.find((event) => event.type === 'load-resumed')).toMatchObject({ edited: true });
});
