import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createProxy, type FaultProxy, waitFor } from '../src/index.ts';

let proxy: FaultProxy;
let seen: Socket[];
const echo = createServer((socket) => {
  seen.push(socket);
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
});

beforeEach(async () => {
  seen = [];
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const address = echo.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  proxy = await createProxy({ host: '127.0.0.1', port: address.port });
});

afterEach(async () => {
  await proxy.close();
  for (const socket of seen) socket.destroy();
  await new Promise((done) => echo.close(done));
});

async function open(): Promise<{ socket: Socket; received: () => string; error: () => string | undefined }> {
  const socket = connect({ host: proxy.host, port: proxy.port });
  let text = '';
  let code: string | undefined;
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    code = error.code;
  });
  await once(socket, 'connect');
  return { socket, received: () => text, error: () => code };
}

test('forwards both ways, and the end', async () => {
  const { socket, received } = await open();
  socket.end('hello');
  await once(socket, 'close');
  expect(received()).toBe('hello');
});

test('a cut resets the client; the next connection works', async () => {
  const first = await open();
  await waitFor(() => seen.length === 1, { what: 'the target to be connected' });
  proxy.cut();
  await waitFor(() => first.error() === 'ECONNRESET', { what: 'the reset' });
  const second = await open();
  second.socket.write('again');
  await waitFor(() => second.received() === 'again', { what: 'the echo' });
  second.socket.destroy();
});

test('a stall holds bytes back until it is resumed', async () => {
  const { socket, received } = await open();
  proxy.stall();
  socket.write('held');
  const other = await open();
  other.socket.write('too');
  await waitFor(() => seen.length === 2, { what: 'both connections' });
  expect(received() + other.received()).toBe('');
  await proxy.resume();
  await waitFor(() => received() === 'held' && other.received() === 'too', { what: 'the held bytes' });
  socket.destroy();
  other.socket.destroy();
});

test('half open: the target loses its connection, the client notices nothing', async () => {
  const { socket, error } = await open();
  await waitFor(() => seen.length === 1, { what: 'the target to be connected' });
  proxy.halfOpen();
  await waitFor(() => seen[0]?.destroyed, { what: 'the target to lose it' });
  expect(socket.destroyed).toBe(false);
  expect(error()).toBeUndefined();
  socket.destroy();
});

test('refused while refusing, accepted on the same port afterwards', async () => {
  const { port } = proxy;
  proxy.refuse();
  await expect(open()).rejects.toThrow('ECONNREFUSED');
  await proxy.resume();
  expect(proxy.port).toBe(port);
  (await open()).socket.destroy();
});
