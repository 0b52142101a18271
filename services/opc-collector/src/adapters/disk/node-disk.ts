import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { AppendFile, SpoolDisk } from '../../ports.ts';

/** The machine's own file system. */
export const nodeDisk: SpoolDisk = {
  async makeFolder(path) {
    await mkdir(path, { recursive: true });
    await syncFolder(dirname(path));
  },

  async list(path) {
    const entries = await readdir(path, { withFileTypes: true }).catch(noneWhenMissing);
    return Promise.all(
      entries.map(async (entry) => ({
        name: entry.name,
        folder: entry.isDirectory(),
        bytes: entry.isFile() ? (await stat(join(path, entry.name))).size : 0,
      })),
    );
  },

  async create(path): Promise<AppendFile> {
    const file = await open(path, 'ax');
    await syncFolder(dirname(path));
    return {
      write: (bytes) => file.appendFile(bytes),
      sync: () => file.datasync(),
      close: () => file.close(),
    };
  },

  async read(path, from, length) {
    const file = await open(path, 'r');
    try {
      const bytes = Buffer.allocUnsafe(length);
      const { bytesRead } = await file.read(bytes, 0, length, from);
      return bytes.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  },

  async replace(path, bytes) {
    const part = `${path}.part`;
    const file = await open(part, 'w');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
    await syncFolder(dirname(path));
  },

  async remove(path) {
    await rm(path, { recursive: true, force: true });
  },
};

function noneWhenMissing(error: NodeJS.ErrnoException): [] {
  if (error.code === 'ENOENT') return [];
  throw error;
}

/** A new name is durable only when its folder is. Some systems cannot open folders: there it is without this. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
