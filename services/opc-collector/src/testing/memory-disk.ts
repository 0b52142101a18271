import type { AppendFile, SpoolDisk } from '../ports.ts';

/** A disk in memory whose calls can be made to fail. */
export class MemoryDisk implements SpoolDisk {
  readonly #files = new Map<string, Buffer[]>();
  /** The next so many syncs fail, their bytes being there all the same. */
  failSyncs = 0;
  failWrites = 0;

  bytes(path: string): Buffer {
    return Buffer.concat(this.#files.get(path) ?? []);
  }

  put(path: string, bytes: Uint8Array): void {
    this.#files.set(path, [Buffer.from(bytes)]);
  }

  async makeFolder(): Promise<void> {
    // Paths are all there is.
  }

  async list(path: string) {
    return [...this.#files.keys()]
      .filter((name) => name.startsWith(`${path}/`))
      .map((name) => ({ name: name.slice(path.length + 1), folder: false, bytes: this.bytes(name).length }));
  }

  async create(path: string): Promise<AppendFile> {
    if (this.#files.has(path)) throw new Error(`EEXIST: ${path}`);
    const parts: Buffer[] = [];
    if (this.failWrites <= 0) this.#files.set(path, parts);
    return {
      write: async (bytes) => {
        if (this.failWrites > 0) {
          this.failWrites -= 1;
          throw new Error('ENOSPC');
        }
        parts.push(Buffer.from(bytes));
      },
      sync: async () => {
        if (this.failSyncs > 0) {
          this.failSyncs -= 1;
          throw new Error('EIO');
        }
      },
      close: async () => undefined,
    };
  }

  async read(path: string, from: number, length: number): Promise<Buffer> {
    return this.bytes(path).subarray(from, from + length);
  }

  async replace(path: string, bytes: Uint8Array): Promise<void> {
    this.put(path, bytes);
  }

  async remove(path: string): Promise<void> {
    for (const name of [...this.#files.keys()])
      if (name === path || name.startsWith(`${path}/`)) this.#files.delete(name);
  }
}
