import { createHash } from 'node:crypto';
import type { SftpSettings } from '@millrace/config';
import type { MillraceError } from '@millrace/core';
import { Client, type ConnectConfig, type SFTPWrapper } from 'ssh2';
import { connectError, lost, silent, wrongHostKey } from './errors.ts';

const KEEPALIVE_MS = 10_000;
/** Twice the requests that a read has under way. */
const ANSWER_WAITS_MAX = 32;

/** One SSH connection with one SFTP channel. */
export class SftpConnection {
  readonly sftp: SFTPWrapper;
  /** Requests under way; the pool gives new work to the least busy connection. */
  busy = 0;
  readonly #client: Client;
  readonly #idleTimeoutMs: number;
  #failure: MillraceError | null = null;
  readonly #waiting = new Set<(error: MillraceError) => void>();
  #heardAt = Number.NEGATIVE_INFINITY;

  constructor(client: Client, sftp: SFTPWrapper, idleTimeoutMs: number) {
    this.#client = client;
    this.sftp = sftp;
    this.#idleTimeoutMs = idleTimeoutMs;
    client.on('error', (error) => this.fail(lost(error)));
    client.on('close', () => this.fail(lost(null)));
    // ssh2 reports broken protocol here; unheard it would end the process.
    sftp.on('error', (error: Error) => this.fail(lost(error)));
    sftp.on('close', () => this.fail(lost(null)));
    onBytes(sftp, () => {
      this.#heardAt = performance.now();
    });
  }

  get alive(): boolean {
    return this.#failure === null;
  }

  /** Ends the connection and everything that waits on it. */
  fail(error: MillraceError): void {
    if (this.#failure) return;
    this.#failure = error;
    this.#client.destroy();
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  close(): void {
    this.fail(lost(new Error('closed by us')));
  }

  /**
   * One request with its callback. Fails with the connection, and drops the connection when no answer comes in
   * time: ssh2 itself never calls back on a lost one. While bytes arrive the wait starts anew, up
   * to `ANSWER_WAITS_MAX` times as long: on a slow line the last of many waits for the bytes of all.
   */
  request<T>(
    send: (callback: (error: Error | undefined | null, value: T) => void) => void,
    signal: AbortSignal,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      if (signal.aborted) return reject(signal.reason);
      const onFailure = (error: MillraceError): void => settle(() => reject(error));
      const onAbort = (): void => settle(() => reject(signal.reason));
      const lastAt = performance.now() + this.#idleTimeoutMs * ANSWER_WAITS_MAX;
      const check = (): void => {
        const now = performance.now();
        const restMs = Math.min(this.#heardAt + this.#idleTimeoutMs, lastAt) - now;
        if (restMs > 0) timer = setTimeout(check, restMs);
        else this.fail(silent(this.#idleTimeoutMs));
      };
      let timer = setTimeout(check, this.#idleTimeoutMs);
      const settle = (finish: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(onFailure);
        signal.removeEventListener('abort', onAbort);
        finish();
      };
      this.#waiting.add(onFailure);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        send((error, value) => settle(() => (error ? reject(error) : resolve(value))));
      } catch (error) {
        settle(() => reject(error));
      }
    });
  }
}

/**
 * Hears of bytes on the SFTP channel; keepalives are not among them. ssh2 splits a long read into one request after
 * the other where the server is not OpenSSH, so that on a slow line its callbacks can be far apart.
 */
function onBytes(sftp: SFTPWrapper, heard: () => void): void {
  // `push` is where ssh2 1.17 hands over what the channel received; its types leave it out.
  const channel = sftp as unknown as { push(data: Buffer | null): void };
  const push = channel.push.bind(channel);
  channel.push = (data) => {
    heard();
    push(data);
  };
}

/** Connects, checks the host key, logs in, opens the SFTP channel; all within `connectTimeoutMs`. */
export function connectSftp(settings: SftpSettings): Promise<SftpConnection> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    let refusal: MillraceError | null = null;
    const fail = (error: unknown): void => {
      clearTimeout(timer);
      client.destroy();
      reject(refusal ?? connectError(error));
    };
    const timer = setTimeout(() => fail(new Error('timed out')), settings.connectTimeoutMs);
    // Stays for good: an error event that nobody hears would end the process.
    client.on('error', fail);
    client.once('close', () => fail(new Error('closed while connecting')));
    client.once('ready', () => {
      client.sftp((error, sftp) => {
        if (error) return fail(error);
        clearTimeout(timer);
        resolve(new SftpConnection(client, sftp, settings.idleTimeoutMs));
      });
    });
    const hostVerifier = (key: Buffer): boolean => {
      refusal = judgeHostKey(key, settings.hostKeys);
      return refusal === null;
    };
    try {
      client.connect(connectConfig(settings, hostVerifier));
      // ssh2 leaves Nagle's algorithm on, which makes pipelined reads some ten times slower (measured).
      client.setNoDelay(true);
    } catch (error) {
      fail(error);
    }
  });
}

function connectConfig(settings: SftpSettings, hostVerifier: (key: Buffer) => boolean): ConnectConfig {
  const { auth } = settings;
  const passphrase = auth.kind === 'key' ? auth.passphrase?.reveal() : undefined;
  return {
    host: settings.host,
    port: settings.port,
    username: settings.user,
    ...(auth.kind === 'password'
      ? { password: auth.password.reveal() }
      : { privateKey: auth.privateKey.reveal(), ...(passphrase === undefined ? {} : { passphrase }) }),
    readyTimeout: settings.connectTimeoutMs,
    keepaliveInterval: KEEPALIVE_MS,
    keepaliveCountMax: 3,
    hostVerifier,
  };
}

/** Null when the key is one of those configured. An empty list means that the pipeline spelled out to accept any. */
function judgeHostKey(key: Buffer, hostKeys: readonly string[]): MillraceError | null {
  const digest = createHash('sha256').update(key).digest('base64').replace(/=+$/, '');
  const offered = `SHA256:${digest}`;
  if (hostKeys.length === 0 || hostKeys.some((known) => known.replace(/=+$/, '') === offered)) return null;
  return wrongHostKey(offered);
}
