import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * What can be made to go wrong. `cut` and `changeHostKey` happen once; `stall`, `refuse`, `slow` last until `heal`;
 * `cutAfterBytes` waits for its moment, then cuts every connection once.
 */
export type SftpFault =
  | { readonly kind: 'cut' }
  /** Counted over READ replies of all connections from now on. */
  | { readonly kind: 'cutAfterBytes'; readonly bytes: number }
  /** Connections stay open, requests get no answer. */
  | { readonly kind: 'stall' }
  /** New connections get ECONNREFUSED; open ones go on. */
  | { readonly kind: 'refuse' }
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  | { readonly kind: 'changeHostKey' }
  | { readonly kind: 'heal' };

/** Decides when a reply may leave, and holds the sockets that can be cut. */
export class Faults {
  readonly #sockets = new Set<Socket>();
  #gate: PromiseWithResolvers<void> | undefined;
  #bytesPerSecond = Number.POSITIVE_INFINITY;
  #freeAt = 0;
  #cutAfter = Number.POSITIVE_INFINITY;
  bytesRead = 0;

  get connections(): number {
    return this.#sockets.size;
  }

  adopt(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    // Whoever was waiting has lost its connection: let it end.
    const waiting = this.#gate;
    if (waiting !== undefined) {
      this.#gate = Promise.withResolvers<void>();
      waiting.resolve();
    }
  }

  cutAfter(bytes: number): void {
    this.#cutAfter = this.bytesRead + bytes;
  }

  stall(): void {
    this.#gate ??= Promise.withResolvers<void>();
  }

  slow(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
  }

  heal(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
    this.#bytesPerSecond = Number.POSITIVE_INFINITY;
    this.#cutAfter = Number.POSITIVE_INFINITY;
  }

  /** Resolves when a reply may be sent. */
  async pass(): Promise<void> {
    while (this.#gate !== undefined) await this.#gate.promise;
  }

  /** Accounts for file content about to be sent: false when the connections were cut instead. */
  async passContent(bytes: number): Promise<boolean> {
    if (this.#bytesPerSecond !== Number.POSITIVE_INFINITY) {
      const now = performance.now();
      this.#freeAt = Math.max(this.#freeAt, now) + (bytes / this.#bytesPerSecond) * 1_000;
      await delay(this.#freeAt - now);
    }
    if (this.bytesRead + bytes > this.#cutAfter) {
      this.#cutAfter = Number.POSITIVE_INFINITY;
      this.cut();
      return false;
    }
    this.bytesRead += bytes;
    return true;
  }
}
