import type { FilePipeline } from '@millrace/config';
import { loadIdOf, type Task } from '@millrace/contracts';
import { asMillraceError, type Clock, crashPoint } from '@millrace/core';
import type { Publisher } from '@millrace/source-kit';
import { archiveTargets } from './domain/paths.ts';
import { type FileState, type FileVersion, stateKeys } from './domain/state.ts';
import type { IngestEvent } from './events.ts';
import type { RemoteFiles, RemoteStat } from './ports.ts';
import { isServerTrouble, type ServerHealth } from './server-health.ts';

export interface ArchiverDeps {
  readonly pipeline: FilePipeline;
  readonly files: RemoteFiles;
  readonly health: ServerHealth;
  readonly publisher: Publisher;
  readonly clock: Clock;
  /** Called whenever something moved, for the liveness of the process. */
  readonly turn: () => void;
  readonly emit: (event: IngestEvent) => void;
}

/**
 * Moves published files. The target is chosen and recorded before `published` is committed, so that after a crash
 * either side of the rename can be told:
 *
 * - target there, as published: the rename had happened; what lies at the path now is a new delivery
 * - path there, as published: the rename is still to be done
 * - target there, different: what the rename moved had replaced the published file: a load of its own
 * - path there, different: changed after publishing; left to the scanner, which issues the next version
 * - neither: somebody else removed it; nothing is left to do
 *
 * The target speaks of our rename only when we may have renamed (`#begun`). Else it is another file of that name,
 * taken since it was chosen.
 */
export class Archiver {
  readonly #deps: ArchiverDeps;
  /** Loads whose rename may have happened: begun here, or by a predecessor. */
  readonly #begun: Set<string>;

  /** @param inherited loads that a predecessor has left to be moved */
  constructor(deps: ArchiverDeps, inherited: Iterable<string> = []) {
    this.#deps = deps;
    this.#begun = new Set(inherited);
  }

  /** The first target that is free. */
  async target(file: FileVersion, signal: AbortSignal): Promise<string> {
    const targets = archiveTargets(this.#deps.pipeline.source.archive ?? '/', file);
    for (const target of targets) if (await this.#isFree(target, signal)) return target;
    return targets.at(-1) ?? '';
  }

  /** A target that the server does not let us look at is no reason to stop: moving there will fail and say why. */
  async #isFree(target: string, signal: AbortSignal): Promise<boolean> {
    try {
      return (await this.#deps.files.stat(target, signal)) === null;
    } catch (error) {
      if (signal.aborted || isServerTrouble(error)) throw error;
      return false;
    }
  }

  /** The file's new state, added to the open transaction; null when it could not be moved and is tried again later. */
  async archive(file: FileState, signal: AbortSignal): Promise<FileState | null> {
    const { health, turn, emit } = this.#deps;
    try {
      return await health.answered(() => this.#move(file, signal), turn, signal);
    } catch (error) {
      if (signal.aborted || !isFileTrouble(error)) throw error;
      emit({ type: 'archive-failed', path: file.path, error: asMillraceError(error) });
      return null;
    }
  }

  async #move(file: FileState, signal: AbortSignal): Promise<FileState> {
    const { files, publisher, emit } = this.#deps;
    let to = file.archiveTo ?? '';
    const [here, there] = [await files.stat(file.path, signal), await files.stat(to, signal)];
    const begun = this.#begun.has(file.loadId);
    if (there && begun && same(there, file)) return this.#archived(file);
    if (!here || !same(here, file)) {
      if (there && begun) this.#issueArchived(file, to, there);
      return here && !(there && begun) ? { ...file, archiveTo: null } : this.#archived(file);
    }
    if (there) {
      // Taken since it was chosen: the new choice is recorded before it is used.
      this.#begun.delete(file.loadId);
      to = await this.target(file, signal);
      publisher.setState(stateKeys.file(file.path), { ...file, archiveTo: to });
      await publisher.flush();
    }
    await files.makeFolder(this.#deps.pipeline.source.archive ?? '/', signal);
    crashPoint('ingest.before-archive');
    this.#begun.add(file.loadId);
    try {
      await files.rename(file.path, to, signal);
    } catch (error) {
      // Refused for certain; a lost connection tells nothing.
      if (isFileTrouble(error)) this.#begun.delete(file.loadId);
      throw error;
    }
    crashPoint('ingest.after-archive');
    const moved = await files.stat(to, signal);
    if (moved && !same(moved, file)) this.#issueArchived(file, to, moved);
    emit({ type: 'file-archived', path: file.path, to });
    return this.#archived(file);
  }

  #archived(file: FileState): FileState {
    this.#begun.delete(file.loadId);
    return { ...file, state: 'archived', archiveTo: null, at: this.#deps.clock.now() };
  }

  /** The file was replaced between the last look and the rename: what was moved is a load of its own. */
  #issueArchived(file: FileState, path: string, { size, mtimeMs }: RemoteStat): void {
    const source = this.#deps.pipeline.source.name;
    const version = file.version + 1;
    const task: Task = {
      loadId: loadIdOf({ source, path, size, mtimeMs, version }),
      source,
      path,
      size,
      mtimeMs,
      version,
      issuedAt: this.#deps.clock.now(),
      replay: null,
    };
    this.#deps.publisher.addTask(task);
  }
}

function isFileTrouble(error: unknown): boolean {
  return asMillraceError(error).code.startsWith('MR-FILE-');
}

function same(stat: RemoteStat, file: FileVersion): boolean {
  return stat.size === file.size && stat.mtimeMs === file.mtimeMs;
}
