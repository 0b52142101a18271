import type { SftpSettings } from '@millrace/config';
import { connectSftp, type SftpConnection } from './connection.ts';
import { lost } from './errors.ts';

/** Connections to one server, shared by all partitions of a pipeline in this process. */
export class SftpPool {
  readonly #settings: SftpSettings;
  readonly #connections = new Set<SftpConnection>();
  #opening: Promise<SftpConnection> | null = null;
  #closed = false;

  constructor(settings: SftpSettings) {
    this.#settings = settings;
  }

  /** Runs work on the least busy connection; opens another while all are busy and the pool may grow. */
  async use<T>(work: (connection: SftpConnection) => Promise<T>): Promise<T> {
    const connection = await this.#lease();
    try {
      return await work(connection);
    } finally {
      this.release(connection);
    }
  }

  async lease(): Promise<SftpConnection> {
    return this.#lease();
  }

  release(connection: SftpConnection): void {
    connection.busy -= 1;
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#connections) connection.close();
    this.#connections.clear();
  }

  async #lease(): Promise<SftpConnection> {
    if (this.#closed) throw lost(new Error('closed by us'));
    let best: SftpConnection | null = null;
    for (const connection of this.#connections) {
      if (!connection.alive) this.#connections.delete(connection);
      else if (!best || connection.busy < best.busy) best = connection;
    }
    const full = this.#connections.size >= this.#settings.connections;
    const connection = best && (best.busy === 0 || full) ? best : await this.#open();
    connection.busy += 1;
    return connection;
  }

  /** One connection is opened at a time: many at once look like an attack to some servers. */
  async #open(): Promise<SftpConnection> {
    this.#opening ??= connectSftp(this.#settings).finally(() => {
      this.#opening = null;
    });
    const connection = await this.#opening;
    if (this.#closed) {
      connection.close();
      throw lost(new Error('closed by us'));
    }
    this.#connections.add(connection);
    return connection;
  }
}
