import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type TempDir, tempDir, waitFor } from '@millrace/testkit';
import Client from 'ssh2-sftp-client';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Stack, startStack } from '../src/index.ts';

const OPENSSH_DEADLINE_MS = 30_000;
const execute = promisify(execFile);

let dir: TempDir;
let stack: Stack<'sftp'>;
let client: Client;
let presented: string[];

beforeAll(async () => {
  dir = await tempDir();
  stack = await startStack({ dir: dir.path, parts: ['sftp'], keepData: false });
});

afterAll(async () => {
  await stack.stop();
  await dir.remove();
});

beforeEach(async () => {
  presented = [];
  client = await open({ password: stack.env.SFTP_PASSWORD ?? '' });
});

afterEach(async () => {
  await stack.sftp.fault({ kind: 'heal' });
  await client.end();
});

async function open(login: Client.ConnectOptions): Promise<Client> {
  const opened = new Client('test', { error: () => undefined, end: () => undefined, close: () => undefined });
  await opened.connect({
    host: '127.0.0.1',
    port: stack.sftp.port,
    username: stack.env.SFTP_USER ?? '',
    hostVerifier: (key: Buffer) => {
      presented.push(`SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`);
      return true;
    },
    ...login,
  });
  return opened;
}

test('shows the host key it announces; lets in by password and by key, nobody else', async () => {
  expect(presented).toEqual([stack.env.SFTP_HOST_KEY]);
  const privateKey = await readFile(stack.env.SFTP_PRIVATE_KEY_FILE ?? '');
  await (await open({ username: stack.env.SFTP_KEY_USER ?? '', privateKey })).end();
  await (await open({ privateKey })).end();
  await expect(open({ password: 'wrong' })).rejects.toThrow('authentication');
  const password = stack.env.SFTP_PASSWORD ?? '';
  await expect(open({ username: stack.env.SFTP_KEY_USER ?? '', password })).rejects.toThrow('authentication');
});

test('writes, lists, reads, renames and removes, with modification times and the right errors', async () => {
  await client.mkdir('/in/deep', true);
  await client.put(Buffer.from('hällo'), '/in/Über süß 1.csv');
  await utimes(join(stack.sftp.root, 'in', 'Über süß 1.csv'), 1_700_000_000, 1_700_000_000);
  expect((await client.list('/in')).map(({ name, type }) => [name, type])).toContainEqual([
    'Über süß 1.csv',
    '-',
  ]);
  await client.rename('/in/Über süß 1.csv', '/in/deep/moved.csv');
  expect(await client.stat('/in/deep/moved.csv')).toMatchObject({ size: 6, modifyTime: 1_700_000_000_000 });
  expect(String(await client.get('/in/deep/moved.csv'))).toBe('hällo');

  await client.put(Buffer.from('other'), '/in/other.csv');
  await expect(client.rename('/in/other.csv', '/in/deep/moved.csv')).rejects.toThrow('Failure');
  await expect(client.get('/in/missing.csv')).rejects.toMatchObject({ code: 2 });
  expect(await client.realPath('/in/../../..')).toBe('/');
  await expect(client.rmdir('/in/deep')).rejects.toThrow();
  await client.rmdir('/in', true);
  expect(await client.exists('/in')).toBe(false);
});

test('a folder of many files is listed whole', async () => {
  const folder = join(stack.sftp.root, 'many');
  await mkdir(folder);
  const names = Array.from({ length: 250 }, (_, n) => `file-${n}.csv`);
  await Promise.all(names.map((name) => writeFile(join(folder, name), name)));
  expect((await client.list('/many')).map(({ name }) => name).sort()).toEqual(names.sort());
});

test('cut after so many bytes: the transfer fails, a new connection reads on', async () => {
  const content = Buffer.alloc(1_000_000, 'x');
  await writeFile(join(stack.sftp.root, 'big.bin'), content);
  const before = await stack.sftp.status();
  await stack.sftp.fault({ kind: 'cutAfterBytes', bytes: 400_000 });
  await expect(client.get('/big.bin')).rejects.toThrow();
  const after = await stack.sftp.status();
  expect(after.bytesRead - before.bytesRead).toBeGreaterThan(0);
  expect(after.bytesRead - before.bytesRead).toBeLessThanOrEqual(400_000);
  const second = await open({ password: stack.env.SFTP_PASSWORD ?? '' });
  expect(Buffer.compare((await second.get('/big.bin')) as Buffer, content)).toBe(0);
  await second.end();
});

test('a cut ends open connections; refusing means no connection until it is healed', async () => {
  await stack.sftp.fault({ kind: 'refuse' });
  expect(await client.exists('/')).toBe('d');
  await expect(open({ password: stack.env.SFTP_PASSWORD ?? '' })).rejects.toThrow('ECONNREFUSED');
  await stack.sftp.fault({ kind: 'cut' });
  await waitFor(async () => (await stack.sftp.status()).connections === 0, { what: 'the cut' });
  await expect(client.list('/')).rejects.toThrow();
  await stack.sftp.fault({ kind: 'heal' });
  await (await open({ password: stack.env.SFTP_PASSWORD ?? '' })).end();
});

test('a stalled server answers when it is healed', async () => {
  await stack.sftp.fault({ kind: 'stall' });
  let answered = false;
  const listing = client.list('/').then(() => {
    answered = true;
  });
  // The control port answers meanwhile, several times over.
  for (let round = 0; round < 5; round++) await stack.sftp.status();
  expect(answered).toBe(false);
  await stack.sftp.fault({ kind: 'heal' });
  await listing;
  expect(answered).toBe(true);
});

test('a changed host key is seen by the next connection, and gone after a restart', async () => {
  const { hostKey } = await stack.sftp.fault({ kind: 'changeHostKey' });
  expect(hostKey).not.toBe(stack.env.SFTP_HOST_KEY);
  await (await open({ password: stack.env.SFTP_PASSWORD ?? '' })).end();
  expect(presented.at(-1)).toBe(hostKey);
  await stack.sftp.kill();
  await stack.sftp.start();
  expect((await stack.sftp.status()).hostKey).toBe(stack.env.SFTP_HOST_KEY);
});

/** Runs a batch with OpenSSH's client and resolves to what it printed; rejects unless it ends by itself with 0. */
async function opensshSftp(batch: readonly string[]): Promise<string> {
  const file = join(dir.path, 'batch');
  await writeFile(file, `${batch.join('\n')}\n`);
  const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'IdentitiesOnly=yes'];
  const args = [
    ...options.flatMap((option) => ['-o', option]),
    ...['-P', String(stack.sftp.port), '-i', stack.env.SFTP_PRIVATE_KEY_FILE ?? '', '-b', file],
    `${stack.env.SFTP_KEY_USER}@127.0.0.1`,
  ];
  return (await execute('sftp', args, { timeout: OPENSSH_DEADLINE_MS })).stdout;
}

async function isInstalled(command: string): Promise<boolean> {
  return execute(command, ['-?']).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  );
}

test("OpenSSH's own client lists, fetches, puts and comes to its end", async (context) => {
  context.skip(!(await isInstalled('sftp')), "OpenSSH's sftp is not installed");
  const folder = join(stack.sftp.root, 'openssh');
  await mkdir(folder);
  await writeFile(join(folder, 'Über süß 1.csv'), 'hällo');
  await writeFile(join(dir.path, 'local.csv'), 'put');
  const out = await opensshSftp([
    'ls -l /openssh',
    'cd openssh',
    `get "Über süß 1.csv" ${join(dir.path, 'got.csv')}`,
    `put ${join(dir.path, 'local.csv')} there.csv`,
    'rename there.csv moved.csv',
    'ls -1',
  ]);
  // Octal where the locale of the test has no umlauts.
  expect(out).toMatch(/^-rw-r--r-- .* 6 .*1\.csv$/m);
  expect(out).toContain('moved.csv');
  expect(await readFile(join(dir.path, 'got.csv'), 'utf8')).toBe('hällo');
  expect(await readFile(join(folder, 'moved.csv'), 'utf8')).toBe('put');
});
