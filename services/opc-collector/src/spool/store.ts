import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { OpcuaPipeline } from '@millrace/config';
import type { SpoolDisk } from '../ports.ts';
import { SpoolLog, type SpoolMeta } from './log.ts';
import { readMeta, recoverSpool } from './recover.ts';
import { SpoolWriter, type WriterDeps } from './writer.ts';

/** The spools of one pipeline on this machine's disk. */
export class SpoolStore {
  readonly #folder: string;
  readonly #disk: SpoolDisk;
  readonly #newId: () => string;

  constructor(disk: SpoolDisk, workFolder: string, pipeline: OpcuaPipeline, newId: () => string) {
    const { name, generation } = pipeline;
    this.#disk = disk;
    this.#folder = join(workFolder, 'spool', generation > 1 ? `${name}.g${generation}` : name);
    this.#newId = newId;
  }

  /** Spools whose process is gone. A folder without its owner's note was never written to. */
  async abandoned(): Promise<SpoolLog[]> {
    const logs: SpoolLog[] = [];
    for (const entry of await this.#disk.list(this.#folder)) {
      if (!entry.folder) continue;
      const folder = join(this.#folder, entry.name);
      const meta = await readMeta(this.#disk, folder);
      if (meta && isAlive(meta)) continue;
      const log = await recoverSpool(this.#disk, folder);
      if (log) logs.push(log);
    }
    return logs;
  }

  async create(server: string, deps: Omit<WriterDeps, 'disk'>): Promise<SpoolWriter> {
    const spoolId = this.#newId();
    const folder = join(this.#folder, spoolId);
    await this.#disk.makeFolder(folder);
    const { pid } = process;
    const meta: SpoolMeta = { spoolId, server, pid, processStart: startOf(pid), host: hostname() };
    await this.#disk.replace(join(folder, 'owner.json'), Buffer.from(JSON.stringify(meta)));
    return new SpoolWriter(new SpoolLog(this.#disk, folder, meta), { ...deps, disk: this.#disk });
  }
}

/** Whether the process that wrote it lives. Another host's name means that the disk has moved here without it. */
function isAlive(meta: SpoolMeta): boolean {
  if (meta.host !== hostname()) return false;
  const start = startOf(meta.pid);
  return start !== '' && start === meta.processStart;
}

/** Clock ticks since boot at which a process began, which tells a pid that is used again; empty when it is gone. */
function startOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Field 22 of proc(5), counted behind the name, which may hold anything.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    if (process.platform === 'linux') return '';
    return livesWithoutProc(pid) ? 'alive' : '';
  }
}

function livesWithoutProc(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
