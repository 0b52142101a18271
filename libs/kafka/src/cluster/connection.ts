import net from 'node:net';
import tls from 'node:tls';
import { MillraceError } from '@millrace/core';
import {
  type ApiVersions,
  apiVersionsCall,
  type CallFor,
  createConnection,
  type KafkajsConnection,
  type KafkajsLogger,
  supportsSaslAuthenticate,
} from '../internals.ts';
import { LIMITS } from '../limits.ts';
import type { KafkaSettings } from '../types.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, IPv6 in brackets. */
export function parseEndpoint(text: string): Endpoint {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (!host || !(port > 0 && port < 65_536)) {
    throw new MillraceError({
      kind: 'config',
      code: 'MR-KAFKA-BROKERS',
      message: `'${text}' is not a broker address.`,
      remedy: 'Give host:port, several separated by commas.',
    });
  }
  return { host, port };
}

interface Live {
  readonly connection: KafkajsConnection;
  readonly versions: ApiVersions;
  readonly socket: net.Socket;
}

/**
 * One connection to one broker, opened at first use and again after it was lost. Kafka answers the requests of a
 * connection in their order, so a request without an answer in time takes the whole connection down with it:
 * nothing waits behind a broker that is silent.
 */
export class BrokerConnection {
  readonly endpoint: Endpoint;
  readonly #settings: KafkaSettings;
  readonly #logger: KafkajsLogger;
  #opening: Promise<Live> | null = null;
  #live: Live | null = null;
  #closed = false;

  constructor(endpoint: Endpoint, settings: KafkaSettings, logger: KafkajsLogger) {
    this.endpoint = endpoint;
    this.#settings = settings;
    this.#logger = logger;
  }

  get isOpen(): boolean {
    return this.#live?.connection.isConnected() ?? false;
  }

  /** Errors: `transient` (away, silent), `systemic` (refused TLS or SASL). */
  async send<T>(call: CallFor<T>): Promise<T> {
    const live = await this.#open();
    try {
      return await live.connection.send(call(live.versions));
    } catch (error) {
      this.#drop(live);
      throw connectionError(error, this.endpoint);
    }
  }

  close(): void {
    this.#closed = true;
    if (this.#live) this.#drop(this.#live);
  }

  async #open(): Promise<Live> {
    if (this.#closed) throw connectionError(new Error('the client is closed'), this.endpoint);
    if (this.#live?.connection.isConnected()) return this.#live;
    if (this.#live) this.#drop(this.#live);
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  async #connect(): Promise<Live> {
    const { tls: tlsSettings, sasl, clientId } = this.#settings;
    let socket: net.Socket | null = null;
    const connection = createConnection({
      ...this.endpoint,
      clientId,
      logger: this.#logger,
      connectionTimeout: LIMITS.connectMs,
      requestTimeout: LIMITS.requestMs,
      enforceRequestTimeout: true,
      ssl: tlsSettings ?? null,
      // A copy: kafkajs stores its authenticator in it.
      sasl: sasl ? { ...sasl } : null,
      socketFactory: ({ host, port, ssl, onConnect }) => {
        socket = openSocket(host, port, ssl, onConnect);
        return socket;
      },
    });
    const deadline = setTimeout(
      () => socket?.destroy(new Error(`no answer within ${LIMITS.connectMs} ms`)),
      LIMITS.connectMs,
    );
    try {
      // kafkajs has no deadline of its own while it authenticates.
      const versions = await Promise.race([handshake(connection), broken(() => socket)]);
      if (!socket || this.#closed) throw new Error('the client is closed');
      this.#live = { connection, versions, socket };
      return this.#live;
    } catch (error) {
      destroy(connection, socket);
      throw connectionError(error, this.endpoint);
    } finally {
      clearTimeout(deadline);
    }
  }

  #drop(live: Live): void {
    if (this.#live === live) this.#live = null;
    destroy(live.connection, live.socket);
  }
}

async function handshake(connection: KafkajsConnection): Promise<ApiVersions> {
  await connection.connect();
  const versions = await connection.send(apiVersionsCall());
  connection.setVersions(versions);
  connection.setSupportAuthenticationProtocol(supportsSaslAuthenticate(versions));
  await connection.authenticate();
  return versions;
}

/** Rejects when the socket closes; the socket exists as soon as `connect` was called. */
function broken(socketOf: () => net.Socket | null): Promise<never> {
  return new Promise((_, reject) => {
    const socket = socketOf();
    socket?.once('error', reject);
    socket?.once('close', () => reject(new Error('the broker closed the connection')));
  });
}

function openSocket(host: string, port: number, ssl: object | null, onConnect: () => void): net.Socket {
  const socket = ssl
    ? tls.connect({ host, port, ...(net.isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
    : net.connect({ host, port }, onConnect);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 30_000);
  return socket;
}

function destroy(connection: KafkajsConnection, socket: net.Socket | null): void {
  socket?.destroy();
  connection.rejectRequests(new Error('the connection was given up'));
  // Only stops its timers now that nothing is pending; it cannot fail.
  void connection.disconnect();
}

const TLS_CODE = /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL|EPROTO/;

function connectionError(error: unknown, { host, port }: Endpoint): MillraceError {
  if (error instanceof MillraceError) return error;
  const { name, message, code } = error as { name?: string; message?: string; code?: unknown };
  const at = `${host}:${port}`;
  if (name === 'KafkaJSSASLAuthenticationError' || code === 58) {
    return new MillraceError({
      kind: 'systemic',
      code: 'MR-KAFKA-AUTHENTICATION',
      message: `The broker at ${at} refused our credentials.`,
      remedy: 'Check the SASL mechanism, user name and password.',
    });
  }
  if (typeof code === 'string' && TLS_CODE.test(code)) {
    return new MillraceError({
      kind: 'systemic',
      code: 'MR-KAFKA-TLS',
      message: `TLS with the broker at ${at} failed: ${code}.`,
      remedy: "Check the CA certificate, the client's certificate and the broker's host name.",
      cause: error,
    });
  }
  const timedOut = name === 'KafkaJSRequestTimeoutError';
  return new MillraceError({
    kind: 'transient',
    code: timedOut ? 'MR-KAFKA-TIMEOUT' : 'MR-KAFKA-CONNECTION',
    message: timedOut
      ? `The broker at ${at} did not answer in time.`
      : `The connection to the broker at ${at} failed: ${message ?? String(error)}.`,
    remedy: 'Nothing if it passes; otherwise check that the broker runs and can be reached.',
    cause: error,
  });
}
