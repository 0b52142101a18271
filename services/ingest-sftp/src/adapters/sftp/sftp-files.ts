import { posix } from 'node:path';
import type { SftpSettings } from '@millrace/config';
import type { FileEntryWithStats, Stats } from 'ssh2';
import type { RemoteEntry, RemoteFiles, RemoteStat } from '../../ports.ts';
import type { SftpConnection } from './connection.ts';
import { fileError, pathError, STATUS, statusOf } from './errors.ts';
import { SftpPool } from './pool.ts';
import { readAhead } from './read-ahead.ts';

const FILE_TYPE = 0o170000;
const REGULAR = 0o100000;
const FOLDER = 0o040000;

/** `RemoteFiles` over SFTP version 3, see `ports.ts` for the contract. */
export class SftpFiles implements RemoteFiles {
  readonly #pool: SftpPool;

  constructor(settings: SftpSettings) {
    this.#pool = new SftpPool(settings);
  }

  async *list(folder: string, signal: AbortSignal): AsyncGenerator<readonly RemoteEntry[]> {
    const connection = await this.#pool.lease();
    const { sftp } = connection;
    try {
      const handle = await onPath(`listing ${folder}`, () =>
        connection.request<Buffer>((done) => sftp.opendir(folder, done), signal),
      );
      try {
        for (;;) {
          const names = await nextNames(connection, handle, signal);
          if (names === null) return;
          yield names.map(entryOf);
        }
      } finally {
        closeHandle(connection, handle);
      }
    } finally {
      this.#pool.release(connection);
    }
  }

  async stat(path: string, signal: AbortSignal): Promise<RemoteStat | null> {
    return this.#pool.use((connection) => stat(connection, path, signal));
  }

  async *read(path: string, size: number, signal: AbortSignal): AsyncGenerator<Buffer> {
    const connection = await this.#pool.lease();
    const { sftp } = connection;
    try {
      const handle = await onPath('opening', () =>
        connection.request<Buffer>((done) => sftp.open(path, 'r', done), signal),
      );
      try {
        yield* readAhead(connection, handle, size, signal);
      } finally {
        closeHandle(connection, handle);
      }
    } finally {
      this.#pool.release(connection);
    }
  }

  async rename(from: string, to: string, signal: AbortSignal): Promise<void> {
    await this.#pool.use(async (connection) => {
      // Version 3 says that a rename does not replace, but not every server keeps to it.
      if (await stat(connection, to, signal)) throw fileError('MR-FILE-EXISTS', `${to} is there already`);
      await onPath(`moving to ${to}`, () =>
        connection.request<void>(
          (done) => connection.sftp.rename(from, to, (error) => done(error, undefined)),
          signal,
        ),
      );
    });
  }

  async makeFolder(path: string, signal: AbortSignal): Promise<void> {
    await this.#pool.use((connection) => makeFolder(connection, path, signal));
  }

  async close(): Promise<void> {
    this.#pool.close();
  }
}

async function makeFolder(connection: SftpConnection, path: string, signal: AbortSignal): Promise<void> {
  if (await stat(connection, path, signal)) return;
  const parent = posix.dirname(path);
  if (parent !== path) await makeFolder(connection, parent, signal);
  try {
    await connection.request<void>(
      (done) => connection.sftp.mkdir(path, (error) => done(error, undefined)),
      signal,
    );
  } catch (error) {
    // Another process may have been quicker.
    if (statusOf(error) === STATUS.failure && (await stat(connection, path, signal))) return;
    throw pathError(error, `creating ${path}`);
  }
}

async function stat(
  connection: SftpConnection,
  path: string,
  signal: AbortSignal,
): Promise<RemoteStat | null> {
  try {
    const stats = await connection.request<Stats>((done) => connection.sftp.stat(path, done), signal);
    return { size: stats.size, mtimeMs: stats.mtime * 1_000 };
  } catch (error) {
    if (statusOf(error) === STATUS.noSuchFile) return null;
    if (signal.aborted) throw error;
    throw pathError(error, `looking at ${path}`);
  }
}

async function onPath<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') throw error;
    throw pathError(error, what);
  }
}

/** One answer's names, null at the end. ssh2 leaves out `.` and `..`, so that an empty list is no end. */
async function nextNames(
  connection: SftpConnection,
  handle: Buffer,
  signal: AbortSignal,
): Promise<readonly FileEntryWithStats[] | null> {
  try {
    return await connection.request<FileEntryWithStats[]>(
      (done) => connection.sftp.readdir(handle, (error, list) => done(error, list)),
      signal,
    );
  } catch (error) {
    if (statusOf(error) === STATUS.eof) return null;
    throw pathError(error, 'listing');
  }
}

/** For tests. */
export function entryOf({ filename, longname, attrs }: FileEntryWithStats): RemoteEntry {
  const type = attrs.mode & FILE_TYPE;
  const kind =
    type === 0 ? kindOfLine(longname) : type === REGULAR ? 'file' : type === FOLDER ? 'folder' : 'other';
  return { name: filename, kind, size: attrs.size, mtimeMs: attrs.mtime * 1_000 };
}

/** Some servers give permissions without a type, or none: then the line of `ls -l` beside it tells, else it is a file. */
function kindOfLine(longname: string): RemoteEntry['kind'] {
  const letter = /^([a-z-])[rwxsStT-]{9}/.exec(longname)?.[1] ?? '-';
  return letter === '-' ? 'file' : letter === 'd' ? 'folder' : 'other';
}

/** Not waited for: a handle of a lost connection is gone with it. */
function closeHandle(connection: SftpConnection, handle: Buffer): void {
  if (!connection.alive) return;
  connection.sftp.close(handle, () => undefined);
}
