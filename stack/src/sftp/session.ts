import { constants, type Stats } from 'node:fs';
import {
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  rmdir,
  stat,
  truncate,
  utimes,
} from 'node:fs/promises';
import { join, posix } from 'node:path';
import ssh2, { type Attributes, type FileEntry, type SFTPWrapper } from 'ssh2';
import type { Faults } from './faults.ts';

const { OPEN_MODE, STATUS_CODE } = ssh2.utils.sftp;
/** Larger READs get a short answer, as the protocol allows and OpenSSH does. */
const LONGEST_READ = 256 * 1024;
const NAMES_PER_REPLY = 100;

type Handle =
  | { readonly kind: 'file'; readonly file: FileHandle }
  | { readonly kind: 'folder'; readonly path: string; names: string[] | undefined };

class StatusError extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`status ${status}`);
    this.status = status;
  }
}

function statusOf(error: unknown): number {
  if (error instanceof StatusError) return error.status;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return STATUS_CODE.NO_SUCH_FILE;
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return STATUS_CODE.PERMISSION_DENIED;
  return STATUS_CODE.FAILURE;
}

function attributes(s: Stats): Attributes {
  const { mode, uid, gid, size } = s;
  return { mode, uid, gid, size, atime: Math.floor(s.atimeMs / 1_000), mtime: Math.floor(s.mtimeMs / 1_000) };
}

function entry(filename: string, s: Stats): FileEntry {
  const type = s.isDirectory() ? 'd' : s.isSymbolicLink() ? 'l' : '-';
  const day = s.mtime.toISOString().slice(0, 16).replace('T', ' ');
  return {
    filename,
    longname: `${type}rw-r--r-- 1 ${s.uid} ${s.gid} ${s.size} ${day} ${filename}`,
    attrs: attributes(s),
  };
}

function openFlags(flags: number): number {
  const both = OPEN_MODE.READ | OPEN_MODE.WRITE;
  let result: number = constants.O_RDONLY;
  if ((flags & both) === both) result = constants.O_RDWR;
  else if (flags & OPEN_MODE.WRITE) result = constants.O_WRONLY;
  if (flags & OPEN_MODE.APPEND) result |= constants.O_APPEND;
  if (flags & OPEN_MODE.CREAT) result |= constants.O_CREAT;
  if (flags & OPEN_MODE.TRUNC) result |= constants.O_TRUNC;
  if (flags & OPEN_MODE.EXCL) result |= constants.O_EXCL;
  return result;
}

/** SFTP version 3 over one channel, serving a folder. Paths of the client are absolute within it. */
export class SftpSession {
  readonly #sftp: SFTPWrapper;
  readonly #root: string;
  readonly #faults: Faults;
  readonly #handles = new Map<number, Handle>();
  #nextHandle = 1;
  #unanswered = 0;
  #clientIsDone = false;

  constructor(sftp: SFTPWrapper, root: string, faults: Faults) {
    this.#sftp = sftp;
    this.#root = root;
    this.#faults = faults;
    this.#listenFiles();
    this.#listenFolders();
    this.#listenAttributes();
    // OpenSSH's client ends its side and then waits for ours, as its own server would end: without it it hangs.
    sftp.on('end', () => {
      this.#clientIsDone = true;
      this.#endWhenAnswered();
    });
    sftp.on('close', () => this.#closeAll());
  }

  /** A leading slash makes `..` stop at the root. */
  #path(remote: string): string {
    return join(this.#root, posix.normalize(`/${remote}`));
  }

  /** Runs one request; an error becomes its status. A lost connection needs no answer. */
  #answer(id: number, work: () => Promise<void>): void {
    const run = async () => {
      await this.#faults.pass();
      try {
        await work();
      } catch (error) {
        this.#sftp.status(id, statusOf(error));
      }
      this.#unanswered -= 1;
      this.#endWhenAnswered();
    };
    this.#unanswered += 1;
    void run();
  }

  #endWhenAnswered(): void {
    if (this.#clientIsDone && this.#unanswered === 0) this.#sftp.end();
  }

  #done(id: number, work: () => Promise<unknown>): void {
    this.#answer(id, async () => {
      await work();
      this.#sftp.status(id, STATUS_CODE.OK);
    });
  }

  #keep(id: number, handle: Handle): void {
    const number = this.#nextHandle++;
    this.#handles.set(number, handle);
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(number);
    this.#sftp.handle(id, bytes);
  }

  #find<Kind extends Handle['kind']>(bytes: Buffer, kind: Kind): Extract<Handle, { kind: Kind }> {
    const handle = bytes.length === 4 ? this.#handles.get(bytes.readUInt32BE()) : undefined;
    if (handle?.kind !== kind) throw new StatusError(STATUS_CODE.FAILURE);
    return handle as Extract<Handle, { kind: Kind }>;
  }

  #listenFiles(): void {
    const sftp = this.#sftp;
    sftp.on('OPEN', (id, name, flags) =>
      this.#answer(id, async () => {
        const file = await open(this.#path(name), openFlags(flags), 0o644);
        if (!(await file.stat()).isDirectory()) return this.#keep(id, { kind: 'file', file });
        await file.close();
        throw new StatusError(STATUS_CODE.FAILURE);
      }),
    );
    sftp.on('READ', (id, handle, offset, length) =>
      this.#answer(id, async () => {
        const { file } = this.#find(handle, 'file');
        const buffer = Buffer.allocUnsafe(Math.min(length, LONGEST_READ));
        const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
        if (bytesRead === 0) throw new StatusError(STATUS_CODE.EOF);
        if (await this.#faults.passContent(bytesRead)) sftp.data(id, buffer.subarray(0, bytesRead));
      }),
    );
    sftp.on('WRITE', (id, handle, offset, data) =>
      this.#done(id, () => this.#find(handle, 'file').file.write(data, 0, data.length, offset)),
    );
    sftp.on('CLOSE', (id, bytes) =>
      this.#done(id, async () => {
        const handle = bytes.length === 4 ? this.#handles.get(bytes.readUInt32BE()) : undefined;
        if (handle === undefined) throw new StatusError(STATUS_CODE.FAILURE);
        this.#handles.delete(bytes.readUInt32BE());
        if (handle.kind === 'file') await handle.file.close();
      }),
    );
    sftp.on('REMOVE', (id, name) =>
      this.#done(id, async () => {
        if ((await lstat(this.#path(name))).isDirectory()) throw new StatusError(STATUS_CODE.FAILURE);
        await rm(this.#path(name));
      }),
    );
    sftp.on('RENAME', (id, from, to) =>
      this.#done(id, async () => {
        // Version 3 of the protocol refuses to overwrite.
        const taken = await lstat(this.#path(to)).catch(() => undefined);
        if (taken !== undefined) throw new StatusError(STATUS_CODE.FAILURE);
        await rename(this.#path(from), this.#path(to));
      }),
    );
  }

  #listenFolders(): void {
    const sftp = this.#sftp;
    sftp.on('OPENDIR', (id, name) =>
      this.#answer(id, async () => {
        const path = this.#path(name);
        if (!(await stat(path)).isDirectory()) throw new StatusError(STATUS_CODE.FAILURE);
        this.#keep(id, { kind: 'folder', path, names: undefined });
      }),
    );
    sftp.on('READDIR', (id, handle) =>
      this.#answer(id, async () => {
        const folder = this.#find(handle, 'folder');
        folder.names ??= await readdir(folder.path);
        const entries: FileEntry[] = [];
        while (entries.length === 0 && folder.names.length > 0) {
          for (const name of folder.names.splice(0, NAMES_PER_REPLY)) {
            // Gone since it was listed: not an error of the listing.
            const found = await lstat(join(folder.path, name)).catch(() => undefined);
            if (found !== undefined) entries.push(entry(name, found));
          }
        }
        if (entries.length === 0) throw new StatusError(STATUS_CODE.EOF);
        sftp.name(id, entries);
      }),
    );
    sftp.on('MKDIR', (id, name) => this.#done(id, () => mkdir(this.#path(name))));
    sftp.on('RMDIR', (id, name) => this.#done(id, () => rmdir(this.#path(name))));
    sftp.on('REALPATH', (id, name) =>
      this.#answer(id, async () => {
        const filename = posix.normalize(`/${name}`).replace(/(.)\/$/, '$1');
        sftp.name(id, [
          { filename, longname: filename, attrs: { mode: 0, uid: 0, gid: 0, size: 0, atime: 0, mtime: 0 } },
        ]);
      }),
    );
  }

  #listenAttributes(): void {
    const sftp = this.#sftp;
    sftp.on('STAT', (id, name) =>
      this.#answer(id, async () => sftp.attrs(id, attributes(await stat(this.#path(name))))),
    );
    sftp.on('LSTAT', (id, name) =>
      this.#answer(id, async () => sftp.attrs(id, attributes(await lstat(this.#path(name))))),
    );
    sftp.on('FSTAT', (id, handle) =>
      this.#answer(id, async () => sftp.attrs(id, attributes(await this.#find(handle, 'file').file.stat()))),
    );
    sftp.on('SETSTAT', (id, name, attrs) =>
      this.#done(id, async () => {
        const path = this.#path(name);
        if (attrs.size !== undefined) await truncate(path, attrs.size);
        if (attrs.mtime !== undefined) await utimes(path, attrs.atime, attrs.mtime);
      }),
    );
    sftp.on('FSETSTAT', (id, handle, attrs) =>
      this.#done(id, async () => {
        const { file } = this.#find(handle, 'file');
        if (attrs.size !== undefined) await file.truncate(attrs.size);
        if (attrs.mtime !== undefined) await file.utimes(attrs.atime, attrs.mtime);
      }),
    );
  }

  #closeAll(): void {
    for (const handle of this.#handles.values()) {
      // The client is gone; nobody is left to hear of a failing close.
      if (handle.kind === 'file') handle.file.close().catch(() => undefined);
    }
    this.#handles.clear();
  }
}
