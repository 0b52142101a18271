import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/**
 * A TCP proxy between a sink and its target that fails at the two places which matter: after the request has been
 * carried out and before its answer arrives, and in the middle of a request, without either side noticing.
 */
export interface CuttingProxy extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Lets requests through, keeps the next answer to itself, and then resets the client. */
  loseNextAnswer(): void;
  /**
   * Lets `bytes` more of the client's bytes through and then nothing in either direction, both connections staying
   * open: what a server sees of a client that was stopped.
   */
  stopClientAfter(bytes: number): void;
  /** Resolves when the armed failure has happened. */
  happened(): Promise<void>;
}

export async function createCuttingProxy(upstream: { host: string; port: number }): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let loseAnswer = false;
  let bytesLeft = Number.POSITIVE_INFINITY;
  let done = Promise.withResolvers<void>();

  const server = createServer({ noDelay: true }, (client) => {
    const target = connect({ ...upstream, noDelay: true });
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      // Each side's end is the other's, unless it is held.
      socket.on('error', () => undefined);
    }
    client.on('close', () => target.destroy());
    target.on('close', () => client.destroy());
    client.on('data', (chunk: Buffer) => {
      const passed = chunk.subarray(0, Math.max(0, bytesLeft));
      bytesLeft -= passed.length;
      if (passed.length > 0) target.write(passed);
      if (bytesLeft <= 0) done.resolve();
    });
    target.on('data', (chunk: Buffer) => {
      if (bytesLeft <= 0) return;
      if (!loseAnswer) {
        client.write(chunk);
        return;
      }
      loseAnswer = false;
      client.resetAndDestroy();
      done.resolve();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;

  return {
    host: '127.0.0.1',
    port,
    loseNextAnswer() {
      done = Promise.withResolvers();
      loseAnswer = true;
    },
    stopClientAfter(bytes) {
      done = Promise.withResolvers();
      bytesLeft = bytes;
    },
    happened: () => done.promise,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
