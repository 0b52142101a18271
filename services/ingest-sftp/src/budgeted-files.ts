import type { ByteBudget, Clock } from '@millrace/core';
import { COMMIT_BYTES_MAX } from '@millrace/source-kit';
import type { RemoteFiles } from './ports.ts';

/** A file at work: requests under way to the server, a transaction being filled and one being sent. */
const FILE_BYTES_MAX = 2 * COMMIT_BYTES_MAX + 4 * 1024 * 1024;
/** Of a small file: its bytes, its rows as records, and the request that carries them. */
const MEMORY_PER_FILE_BYTE = 4;
const TURN_MS = 10_000;

export interface BudgetedDeps {
  readonly byteBudget: ByteBudget;
  readonly clock: Clock;
  /** Called now and then while a read waits for others to end: that is no reason to restart. */
  readonly turn: () => void;
}

/**
 * The same files, but a read begins only when the process has room for another one, and holds its share until it
 * ends. Waits for a server that is away hold nothing: no read is under way then.
 */
export function budgeted(files: RemoteFiles, { byteBudget, clock, turn }: BudgetedDeps): RemoteFiles {
  const take = async (bytes: number, signal: AbortSignal): Promise<() => void> => {
    const taken = new AbortController();
    const waiting = AbortSignal.any([signal, taken.signal]);
    const turning = async (): Promise<void> => {
      for (;;) {
        await clock.sleep(TURN_MS, waiting);
        turn();
      }
    };
    // Ends only by the signal.
    turning().catch(() => undefined);
    try {
      return await byteBudget.take(bytes, signal);
    } finally {
      taken.abort();
    }
  };
  return {
    list: (folder, signal) => files.list(folder, signal),
    stat: (path, signal) => files.stat(path, signal),
    async *read(path, size, signal) {
      const release = await take(Math.min(FILE_BYTES_MAX, size * MEMORY_PER_FILE_BYTE), signal);
      try {
        yield* files.read(path, size, signal);
      } finally {
        release();
      }
    },
    rename: (from, to, signal) => files.rename(from, to, signal),
    makeFolder: (path, signal) => files.makeFolder(path, signal),
    close: () => files.close(),
  };
}
