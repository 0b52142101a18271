import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

/** A TCP proxy that can be told to fail. It forwards bytes and knows no protocol. */
export interface FaultProxy extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly connections: number;
  /** Resets every connection now; new ones are accepted. */
  cut(): void;
  /** Connections stay open and accepted, no byte passes in either direction. */
  stall(): void;
  /** Ends a stall, a delay and a refusal. */
  resume(): Promise<void>;
  /** Every chunk arrives this much later. */
  delay(ms: number): void;
  /** The target sees its connections close, the client does not: as after a lost network. */
  halfOpen(): void;
  /** New connections get ECONNREFUSED. */
  refuse(): void;
  close(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
}

class TcpProxy implements FaultProxy {
  readonly host = '127.0.0.1' as const;
  readonly #target: ProxyTarget;
  readonly #pairs = new Set<Pair>();
  /** Upstream sockets whose loss the client must not notice. */
  readonly #lost = new WeakSet<Socket>();
  #server: Server | undefined;
  #port = 0;
  #gate: PromiseWithResolvers<void> | undefined;
  #delayMs = 0;

  constructor(target: ProxyTarget) {
    this.#target = target;
  }

  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  async listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
    this.#server = server;
    server.listen(this.#port, this.host);
    await once(server, 'listening');
    const address = server.address();
    if (typeof address === 'object' && address !== null) this.#port = address.port;
  }

  #accept(client: Socket): void {
    const upstream = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    const pair = { client, upstream };
    this.#pairs.add(pair);
    // An error on one side ends the other; the sockets' own errors are what this proxy is for.
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => {
      if (!this.#lost.has(upstream)) client.resetAndDestroy();
    });
    client.once('close', () => this.#pairs.delete(pair));
    void this.#pump(client, upstream);
    void this.#pump(upstream, client);
  }

  async #pump(from: Socket, to: Socket): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        if (this.#delayMs > 0) await delay(this.#delayMs);
        while (this.#gate !== undefined) await this.#gate.promise;
        if (to.destroyed) return;
        if (!to.write(chunk)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
      }
      if (!this.#lost.has(from)) to.end();
    } catch {
      // Reset by either side: so the other one ends as well.
      if (!this.#lost.has(from)) to.destroy();
    }
  }

  cut(): void {
    for (const { client, upstream } of this.#pairs) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
  }

  stall(): void {
    this.#gate ??= Promise.withResolvers<void>();
  }

  async resume(): Promise<void> {
    this.#gate?.resolve();
    this.#gate = undefined;
    this.#delayMs = 0;
    if (this.#server === undefined) await this.listen();
  }

  delay(ms: number): void {
    this.#delayMs = ms;
  }

  halfOpen(): void {
    this.stall();
    for (const { upstream } of this.#pairs) {
      this.#lost.add(upstream);
      upstream.resetAndDestroy();
    }
  }

  refuse(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  async close(): Promise<void> {
    this.refuse();
    this.#gate?.resolve();
    this.#gate = undefined;
    this.cut();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Starts a proxy on a free loopback port. */
export async function createProxy(target: ProxyTarget): Promise<FaultProxy> {
  const proxy = new TcpProxy(target);
  await proxy.listen();
  return proxy;
}
