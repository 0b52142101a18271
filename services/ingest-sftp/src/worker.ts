import type { FilePattern, FilePipeline } from '@millrace/config';
import {
  formatFileTime,
  formatReplayMark,
  INGEST_STAGE,
  ledgerName,
  type ReplayRow,
  type Task,
} from '@millrace/contracts';
import {
  asMillraceError,
  Backoff,
  type Clock,
  policyFor,
  type Random,
  type Reason,
  type RecordValue,
} from '@millrace/core';
import type { FetchedRecord } from '@millrace/kafka';
import { type Encoders, LoadAccount, type Publisher } from '@millrace/source-kit';
import { Archiver } from './archiver.ts';
import { rejectedRow } from './dead-letters.ts';
import { RESULT_KEPT_MS } from './domain/discovery.ts';
import type { PatternMatcher } from './domain/paths.ts';
import { keyOf } from './domain/record-key.ts';
import {
  type FileState,
  type FileVersion,
  type LoadState,
  type ProgressState,
  stateKeys,
} from './domain/state.ts';
import type { IngestEvent } from './events.ts';
import { Abandon, FileLoad } from './file-load.ts';
import type { RemoteFiles } from './ports.ts';
import { mapReplayed } from './replay.ts';
import { isServerTrouble, type ServerHealth } from './server-health.ts';
import type { PartitionState } from './state-store.ts';

/** Tries of a file that the server refuses, before it is abandoned. */
const FILE_TRIES = 4;
const HOUR_MS = 3_600_000;
/** When a file that cannot be moved to the archive is tried again. */
const ARCHIVE_RETRY = { delayMs: 5_000, maxDelayMs: 600_000 } as const;

export interface WorkerDeps {
  readonly pipeline: FilePipeline;
  readonly partition: number;
  readonly files: RemoteFiles;
  readonly health: ServerHealth;
  readonly publisher: Publisher;
  readonly encoders: Encoders;
  readonly matcher: PatternMatcher;
  readonly clock: Clock;
  readonly cluster: string;
  readonly workFolder: string;
  readonly random: Random;
  readonly archiveRetry?: { readonly delayMs: number; readonly maxDelayMs: number };
  /** Called whenever something moved, for the liveness of the process. */
  readonly turn: () => void;
  readonly emit: (event: IngestEvent) => void;
}

/** Works through the tasks of one partition, one file at a time. */
export class Worker {
  readonly #deps: WorkerDeps;
  readonly #state: PartitionState;
  readonly #archiver: Archiver;
  /** Published and still to be moved. */
  readonly #toArchive = new Map<string, FileState>();
  /** Loads of those that the server refused to move, and when they are tried again. */
  #refused: ReadonlySet<string> = new Set();
  #retryAt = 0;
  readonly #archiveBackoff: Backoff;
  #purgedAt: number;

  constructor(deps: WorkerDeps, state: PartitionState) {
    this.#deps = deps;
    this.#state = state;
    for (const file of state.files.values())
      if (file.archiveTo !== null) this.#toArchive.set(file.path, file);
    const inherited = [...this.#toArchive.values()].map((file) => file.loadId);
    this.#archiveBackoff = new Backoff({ ...ARCHIVE_RETRY, ...deps.archiveRetry }, deps.random);
    this.#archiver = new Archiver(deps, inherited);
    // The scanner may still have to note what it reads in results of long ago.
    this.#purgedAt = deps.clock.now();
  }

  /** Milliseconds until `tidy` should try again what could not be moved; null when there is nothing to try. */
  get retryInMs(): number | null {
    if (this.#refused.size === 0) return null;
    return Math.max(0, this.#retryAt - this.#deps.clock.monotonic());
  }

  /** Moves what is published and still to be moved, and drops results that nobody asks for any more. */
  async tidy(signal: AbortSignal): Promise<void> {
    const due = this.retryInMs === 0;
    const refused = new Set<string>();
    for (const file of [...this.#toArchive.values()]) {
      const known = this.#refused.has(file.loadId);
      const moved = known && !due ? null : await this.#archiver.archive(file, signal);
      if (moved) this.#setFile(moved);
      else refused.add(file.loadId);
    }
    if (refused.size === 0) this.#archiveBackoff.reset();
    else if (due || this.#refused.size === 0)
      this.#retryAt = this.#deps.clock.monotonic() + this.#archiveBackoff.next();
    this.#refused = refused;
    this.#purge();
    await this.#deps.publisher.flush();
  }

  async work(record: FetchedRecord, signal: AbortSignal): Promise<void> {
    const task = await this.#decode(record);
    if (task?.replay) this.#replay(task, task.replay);
    else if (task) await this.#file(task, signal);
    this.passed(record.offset + 1);
  }

  /** Tasks below `next` are done; also behind markers, so that their deletion never looks like a loss. */
  passed(next: number): void {
    const { pipeline, cluster, publisher } = this.#deps;
    publisher.setState(stateKeys.next, { next, layout: pipeline.layoutHash, cluster });
  }

  async #decode(record: FetchedRecord): Promise<Task | null> {
    const { encoders, partition, emit } = this.#deps;
    try {
      if (!record.value) return null;
      const schemaId = encoders.tasks.schemaIdOf(record.value);
      if (schemaId >= 0) await encoders.tasks.prepare(schemaId);
      return encoders.tasks.decode(record.value);
    } catch (error) {
      if (asMillraceError(error).kind !== 'data') throw error;
      emit({ type: 'task-unreadable', partition, offset: record.offset });
      return null;
    }
  }

  async #file(task: Task, signal: AbortSignal): Promise<void> {
    const { path, size, mtimeMs, version, loadId } = task;
    const file: FileVersion = { path, size, mtimeMs, version, loadId };
    const known = this.#state.files.get(path);
    if (known && known.version >= version) return;
    if (known?.state === 'published' && known.size === size && known.mtimeMs === mtimeMs) {
      // Issued again for want of a result that has come since.
      this.#setFile({ ...known, version });
      return;
    }
    const { publisher, pipeline, clock, emit, matcher } = this.#deps;
    const progress = this.#state.progress?.loadId === loadId ? this.#state.progress : null;
    this.#state.progress = null;
    const began = clock.monotonic();
    const pattern = matcher.patternOfTask(path);
    const load = this.#load(file, pattern, progress);
    if (progress) {
      const { row, byteOffset } = progress;
      emit({ type: 'load-resumed', loadId, path, row, byteOffset, edited: load.edited });
    } else emit({ type: 'load-started', loadId, path, bytes: size });
    publisher.beforeFlush = () => load.addProgress(clock.now());
    try {
      if (!pattern) throw new Abandon('no pattern of the pipeline matches it any more', true);
      const sha256 = await this.#read(load, path, signal);
      const archiveTo = await this.#archiveTarget(file, signal);
      this.#finish(load, file, { state: 'published', sha256, reason: null, archiveTo, hopelessUnder: null });
      const { rows, rejected } = load.account.counts;
      const ms = clock.monotonic() - began;
      emit({ type: 'load-published', loadId, path, bytes: size, rows, rejected, ms });
    } catch (error) {
      if (!(error instanceof Abandon)) throw error;
      const hopelessUnder = error.hopeless ? pipeline.hash : null;
      const outcome = { sha256: null, reason: error.message, archiveTo: null, hopelessUnder };
      this.#finish(load, file, { state: 'abandoned', ...outcome });
      emit({ type: 'load-abandoned', loadId, path, reason: error.message });
    }
    // After any other error `beforeFlush` stays: rows of this file that are still to be flushed go with its progress.
  }

  #load(file: FileVersion, pattern: FilePattern | null, progress: ProgressState | null): FileLoad {
    const { pipeline, partition, files, publisher, clock, workFolder, turn } = this.#deps;
    const format = (pattern ?? (pipeline.source.files[0] as FilePattern)).csv;
    const deps = { pipeline, partition, files, publisher, clock, workFolder, turn };
    return new FileLoad(deps, file, format, progress);
  }

  /** The task of the file that was being read has been deleted: its load is closed, else it would stay open for ever. */
  closeLost(): void {
    const { progress } = this.#state;
    if (!progress) return;
    this.#state.progress = null;
    const { path, size, mtimeMs, version, loadId } = progress;
    const load = this.#load(progress, this.#deps.matcher.patternOfTask(path), progress);
    const reason = 'MR-TASK-LOST: its task was deleted by retention before it was done';
    const outcome = { sha256: null, reason, archiveTo: null, hopelessUnder: null };
    this.#finish(load, { path, size, mtimeMs, version, loadId }, { state: 'abandoned', ...outcome });
    this.#deps.emit({ type: 'load-abandoned', loadId, path, reason });
  }

  async #archiveTarget(file: FileVersion, signal: AbortSignal): Promise<string | null> {
    const { pipeline, matcher, health, turn } = this.#deps;
    if (pipeline.source.archive === null || matcher.inArchive(file.path)) return null;
    return health.answered(() => this.#archiver.target(file, signal), turn, signal);
  }

  /** Reads until the file is through, across lost connections; gives a file up that the server keeps refusing. */
  async #read(load: FileLoad, path: string, signal: AbortSignal): Promise<string> {
    const { health, publisher, clock, emit, turn } = this.#deps;
    const fileBackoff = new Backoff(policyFor('transient'));
    let serverBackoff: Backoff | null = null;
    for (;;) {
      const before = load.account.counts.rows;
      turn();
      try {
        const sha256 = await load.run(signal);
        health.succeeded();
        return sha256;
      } catch (error) {
        if (error instanceof Abandon) throw error;
        const known = asMillraceError(error);
        const server = isServerTrouble(known);
        const moved = load.account.counts.rows > before;
        if (moved) fileBackoff.reset();
        // What is complete is committed before anything is waited for, also when we are asked to stop.
        if (server || signal.aborted) await publisher.flush();
        if (signal.aborted) throw error;
        if (server) {
          turn();
          if (!serverBackoff || moved) serverBackoff = health.backoffFor(known);
          await health.wait(known, serverBackoff, signal);
          continue;
        }
        if (!known.code.startsWith('MR-FILE-')) throw error;
        if (fileBackoff.attempt + 1 >= FILE_TRIES) throw new Abandon(`${known.code}: ${known.message}`);
        emit({ type: 'file-trouble', path, attempt: fileBackoff.attempt + 1, error: known });
        await publisher.flush();
        await clock.sleep(fileBackoff.next(), signal);
      }
    }
  }

  /** The last transaction of a load: result, account, progress gone. */
  #finish(
    load: FileLoad,
    file: FileVersion,
    outcome: Pick<FileState, 'sha256' | 'reason' | 'archiveTo' | 'hopelessUnder'> & {
      readonly state: 'published' | 'abandoned';
    },
  ): void {
    const { publisher, clock } = this.#deps;
    const at = clock.now();
    const { state, sha256 } = outcome;
    const reason = load.marked(outcome.reason);
    publisher.beforeFlush = null;
    this.#setFile({ ...file, ...outcome, reason, at });
    publisher.setState(stateKeys.progress, null);
    load.addLedger({ state, sha256, reason: outcome.reason }, at);
    if (load.account.counts.rejected === 0) return;
    const { encoding, lineEnd } = load;
    const tallies = load.account.texts();
    this.#setLoad({ ...file, ...load.header, state, at, sha256, reason, encoding, lineEnd, tallies });
  }

  #setFile(file: FileState): void {
    this.#state.files.set(file.path, file);
    if (file.archiveTo === null) this.#toArchive.delete(file.path);
    else this.#toArchive.set(file.path, file);
    this.#deps.publisher.setState(stateKeys.file(file.path), file);
  }

  #setLoad(load: LoadState): void {
    this.#state.loads.set(load.loadId, load);
    this.#deps.publisher.setState(stateKeys.load(load.loadId), load);
  }

  /** One rejected row again, under today's pipeline. Its place in the account is `resolved`, or a new dead letter. */
  #replay(task: Task, replay: ReplayRow): void {
    const { publisher, pipeline, partition, matcher, clock, emit } = this.#deps;
    const load = this.#state.loads.get(task.loadId);
    const format = matcher.patternOfTask(task.path)?.csv ?? null;
    const record: RecordValue = {};
    const reason = load && format ? mapReplayed(pipeline, format, load, replay, record) : UNKNOWN_LOAD;
    const mark = { loadId: task.loadId, row: replay.row, attempt: replay.attempt, stage: INGEST_STAGE };
    const key = keyOf(pipeline.record.key, pipeline.record.fields);
    const fileTime = formatFileTime(task.mtimeMs);
    const accepted = !reason && publisher.addRow(key(record), record, formatReplayMark(mark), fileTime);
    emit({ type: 'row-replayed', loadId: task.loadId, row: replay.row, accepted });
    if (accepted && load) {
      const account = new LoadAccount(load, load.tallies);
      account.resolved(replay.row);
      this.#setLoad({ ...load, tallies: account.texts() });
      const place = { pipeline: ledgerName(pipeline), source: task.source, partition, at: clock.now() };
      publisher.setLedger(account.ledgerEntry(place, load));
      return;
    }
    const { loadId, path } = task;
    const { row, line, attempt } = replay;
    const encoding = load?.encoding ?? format?.encoding ?? 'utf-8';
    const at = clock.now();
    const place = { pipeline: pipeline.name, loadId, path, row, line, attempt, encoding, at };
    publisher.addDeadLetter(rejectedRow(place, reason ?? TOO_LARGE, replay.original));
  }

  #purge(): void {
    const { clock, pipeline, publisher } = this.#deps;
    const now = clock.now();
    if (now - this.#purgedAt < HOUR_MS) return;
    this.#purgedAt = now;
    for (const [path, file] of this.#state.files) {
      if (file.archiveTo !== null || now - file.at < RESULT_KEPT_MS) continue;
      this.#state.files.delete(path);
      publisher.setState(stateKeys.file(path), null);
    }
    for (const [loadId, load] of this.#state.loads) {
      if (now - load.at < pipeline.retentionMs * 2) continue;
      this.#state.loads.delete(loadId);
      publisher.setState(stateKeys.load(loadId), null);
    }
  }
}

const UNKNOWN_LOAD: Reason = {
  code: 'MR-REPLAY-UNKNOWN',
  message: 'the load of this row, or the pattern of its file, is not known any more',
};
const TOO_LARGE: Reason = { code: 'MR-ROW-TOO-LONG', message: 'the row is too long for a Kafka record' };
