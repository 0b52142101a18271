import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Secret, type SftpSettings } from '@millrace/config';
import { connectSftpControl } from '@millrace/stack';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { SftpFiles } from '../src/adapters/sftp/sftp-files.ts';
import type { RemoteEntry } from '../src/ports.ts';

const env = inject('stack');
const control = connectSftpControl(env.SFTP_CONTROL_URL ?? '');
const name = `files-${randomBytes(4).toString('hex')}`;
const disk = join(env.SFTP_ROOT ?? '', name);
const signal = AbortSignal.timeout(100_000);

function settings(changes: Partial<SftpSettings> = {}): SftpSettings {
  return {
    host: env.SFTP_HOST ?? '',
    port: Number(env.SFTP_PORT),
    user: env.SFTP_USER ?? '',
    auth: { kind: 'password', password: new Secret(env.SFTP_PASSWORD ?? '') },
    hostKeys: [env.SFTP_HOST_KEY ?? ''],
    connections: 2,
    connectTimeoutMs: 5_000,
    idleTimeoutMs: 1_000,
    ...changes,
  };
}

const opened: SftpFiles[] = [];
function open(changes: Partial<SftpSettings> = {}): SftpFiles {
  const files = new SftpFiles(settings(changes));
  opened.push(files);
  return files;
}

async function digest(content: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of content) hash.update(chunk);
  return hash.digest('hex');
}

async function listed(files: SftpFiles, folder: string): Promise<RemoteEntry[]> {
  const entries: RemoteEntry[] = [];
  for await (const batch of files.list(folder, signal)) entries.push(...batch);
  return entries;
}

beforeAll(() => mkdir(disk, { recursive: true }));
afterEach(async () => {
  await control.fault({ kind: 'heal' });
  await Promise.all(opened.splice(0).map((files) => files.close()));
});
afterAll(() => rm(disk, { recursive: true, force: true }));

describe('reading', () => {
  test('gives every byte once and in order, whatever the size', async () => {
    const files = open();
    for (const size of [0, 1, 255 * 1_024, 255 * 1_024 + 1, 9_000_001]) {
      const bytes = randomBytes(size);
      await writeFile(join(disk, 'bytes'), bytes);
      const expected = createHash('sha256').update(bytes).digest('hex');
      expect(await digest(files.read(`/${name}/bytes`, size, signal))).toBe(expected);
    }
  });

  test('stops at the size asked for, and early when the file is shorter', async () => {
    await writeFile(join(disk, 'short'), 'abcdef');
    const read = async (size: number): Promise<string> => {
      let text = '';
      for await (const chunk of open().read(`/${name}/short`, size, signal)) text += chunk.toString();
      return text;
    };
    expect(await read(3)).toBe('abc');
    expect(await read(600_000)).toBe('abcdef');
  });

  test('of several files at once uses no more connections than allowed', async () => {
    const before = (await control.status()).connections;
    await writeFile(join(disk, 'many'), randomBytes(500_000));
    const files = open({ connections: 2 });
    await Promise.all(Array.from({ length: 6 }, () => digest(files.read(`/${name}/many`, 500_000, signal))));
    expect((await control.status()).connections - before).toBeLessThanOrEqual(2);
  });

  test('fails as transient when the connection is cut, and works again on the next call', async () => {
    await writeFile(join(disk, 'cut'), randomBytes(9_000_000));
    const files = open();
    await control.fault({ kind: 'cutAfterBytes', bytes: 2_000_000 });
    await expect(digest(files.read(`/${name}/cut`, 9_000_000, signal))).rejects.toMatchObject({
      kind: 'transient',
      code: 'MR-SFTP-LOST',
    });
    expect(await files.stat(`/${name}/cut`, signal)).toMatchObject({ size: 9_000_000 });
  });

  test('gives up a silent server', async () => {
    await writeFile(join(disk, 'silent'), randomBytes(100));
    const files = open();
    await files.stat(`/${name}/silent`, signal);
    await control.fault({ kind: 'stall' });
    await expect(digest(files.read(`/${name}/silent`, 100, signal))).rejects.toMatchObject({
      kind: 'transient',
      code: 'MR-SFTP-SILENT',
    });
  });

  test('waits on a slow line as long as bytes move', async () => {
    const bytes = randomBytes(2_500_000);
    await writeFile(join(disk, 'slow'), bytes);
    await control.fault({ kind: 'slow', bytesPerSecond: 700_000 });
    const expected = createHash('sha256').update(bytes).digest('hex');
    expect(await digest(open().read(`/${name}/slow`, bytes.length, signal))).toBe(expected);
  });

  test('ends with the signal’s reason', async () => {
    await writeFile(join(disk, 'abort'), randomBytes(9_000_000));
    const stop = new AbortController();
    const reading = (async () => {
      for await (const _ of open().read(`/${name}/abort`, 9_000_000, stop.signal))
        stop.abort(new Error('enough'));
    })();
    await expect(reading).rejects.toThrow('enough');
  });
});

describe('paths', () => {
  test('that are not there are null for stat and the path’s own trouble for the rest', async () => {
    const files = open();
    expect(await files.stat(`/${name}/nothing`, signal)).toBeNull();
    const notFound = { kind: 'data', code: 'MR-FILE-NOT-FOUND' };
    await expect(digest(files.read(`/${name}/nothing`, 1, signal))).rejects.toMatchObject(notFound);
    await expect(listed(files, `/${name}/nothing`)).rejects.toMatchObject(notFound);
    await expect(files.rename(`/${name}/nothing`, `/${name}/x`, signal)).rejects.toMatchObject(notFound);
  });

  test('are listed with kind, size and time', async () => {
    await mkdir(join(disk, 'list', 'below'), { recursive: true });
    await writeFile(join(disk, 'list', 'ä b.csv'), 'abc');
    await utimes(join(disk, 'list', 'ä b.csv'), 1_750_000_000, 1_750_000_000);
    const entries = (await listed(open(), `/${name}/list`)).sort((x, y) => x.kind.localeCompare(y.kind));
    expect(entries).toMatchObject([
      { name: 'ä b.csv', kind: 'file', size: 3, mtimeMs: 1_750_000_000_000 },
      { name: 'below', kind: 'folder' },
    ]);
  });

  test('listed by the thousand are all there', async () => {
    await mkdir(join(disk, 'thousand'), { recursive: true });
    await Promise.all(Array.from({ length: 1_000 }, (_, i) => writeFile(join(disk, 'thousand', `${i}`), '')));
    const names = (await listed(open(), `/${name}/thousand`)).map((entry) => entry.name);
    expect(new Set(names).size).toBe(1_000);
  });

  test('are renamed into new folders, never over another file', async () => {
    const files = open();
    await writeFile(join(disk, 'one'), 'one');
    await writeFile(join(disk, 'two'), 'two');
    await files.makeFolder(`/${name}/deep/er`, signal);
    await files.makeFolder(`/${name}/deep/er`, signal);
    await files.rename(`/${name}/one`, `/${name}/deep/er/one`, signal);
    await expect(files.rename(`/${name}/two`, `/${name}/deep/er/one`, signal)).rejects.toMatchObject({
      code: 'MR-FILE-EXISTS',
    });
    expect(await readFile(join(disk, 'deep/er/one'), 'utf8')).toBe('one');
    expect(await readFile(join(disk, 'two'), 'utf8')).toBe('two');
  });
});

describe('the server', () => {
  test('with another host key is refused before any login', async () => {
    const files = open({ hostKeys: ['SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'] });
    await expect(files.stat('/', signal)).rejects.toMatchObject({
      kind: 'systemic',
      code: 'MR-SFTP-HOST-KEY',
    });
  });

  test('that refuses the login is systemic, and the password is nowhere in the error', async () => {
    const password = new Secret('planted-4711');
    const error: Error = await open({ auth: { kind: 'password', password } })
      .stat('/', signal)
      .then(
        () => new Error('let in'),
        (thrown: Error) => thrown,
      );
    expect(error).toMatchObject({ kind: 'systemic', code: 'MR-SFTP-AUTH' });
    expect(JSON.stringify([error, error.message, error.cause, error.stack])).not.toContain('planted-4711');
  });

  test('that is away is transient', async () => {
    await control.fault({ kind: 'refuse' });
    await expect(open().stat('/', signal)).rejects.toMatchObject({
      kind: 'transient',
      code: 'MR-SFTP-CONNECT',
    });
  });

  test('lets a key in', async () => {
    const privateKey = new Secret(await readFile(env.SFTP_PRIVATE_KEY_FILE ?? '', 'utf8'));
    const files = open({
      user: env.SFTP_KEY_USER ?? '',
      auth: { kind: 'key', privateKey, passphrase: null },
    });
    expect(await files.stat(`/${name}`, signal)).not.toBeNull();
  });
});
