import { posix } from 'node:path';
import type { FilePipeline } from '@millrace/config';
import { topics } from '@millrace/contracts';
import { asMillraceError, type Clock } from '@millrace/core';
import type { KafkaClient } from '@millrace/kafka';
import type { Publisher } from '@millrace/source-kit';
import { Discovery, REISSUE_DELAY_MS, type SeenFile } from './domain/discovery.ts';
import { isSafeName, type PatternMatcher } from './domain/paths.ts';
import { stateKeys } from './domain/state.ts';
import type { IngestEvent } from './events.ts';
import type { RemoteFiles } from './ports.ts';
import { isServerTrouble, type ServerHealth } from './server-health.ts';
import { readState, type StateChange } from './state-store.ts';

/** Written in one transaction. */
const FINDINGS_MAX = 1_000;

export interface ScannerDeps {
  readonly pipeline: FilePipeline;
  readonly kafka: KafkaClient;
  readonly files: RemoteFiles;
  readonly health: ServerHealth;
  readonly publisher: Publisher;
  readonly matcher: PatternMatcher;
  readonly clock: Clock;
  readonly emit: (event: IngestEvent) => void;
  /** Called whenever something moved and, with false, before the pause behind a scan. */
  readonly turn: (busy: boolean) => void;
  readonly reissueDelayMs?: number;
}

/** Lists the source and issues tasks. Runs beside the worker of partition hash(source), on the same lane. */
export class Scanner {
  readonly #deps: ScannerDeps;
  readonly #discovery: Discovery;
  /** Where reading of each state partition goes on. */
  readonly #positions: (number | undefined)[];
  readonly #unreadable = new Set<string>();
  readonly #refused = new Map<string, number>();

  constructor(deps: ScannerDeps) {
    const { source, hash, retentionMs, partitions } = deps.pipeline;
    this.#deps = deps;
    this.#positions = Array.from({ length: partitions });
    this.#discovery = new Discovery({
      source: source.name,
      stableForMs: source.stableForMs,
      pipelineHash: hash,
      retentionMs,
      reissueDelayMs: deps.reissueDelayMs ?? REISSUE_DELAY_MS,
    });
  }

  /** Scans until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, pipeline } = this.#deps;
    while (!signal.aborted) {
      const began = clock.monotonic();
      this.#deps.turn(true);
      await this.#scan(signal);
      this.#deps.turn(false);
      // A scan that took long is followed by a pause all the same.
      const rest = Math.max(pipeline.source.pollMs - (clock.monotonic() - began), pipeline.source.pollMs / 4);
      await clock.sleep(rest, signal);
    }
  }

  async #scan(signal: AbortSignal): Promise<void> {
    const { clock, publisher, pipeline, emit, health } = this.#deps;
    // Results first: a file that a listing shows after `archived` was read is a new delivery.
    await this.#learn(signal);
    const { listing, complete } = await health.answered(
      () => this.#list(signal),
      () => this.#deps.turn(true),
      signal,
    );
    for (;;) {
      const findings = this.#discovery.findings(listing, complete, clock.now(), FINDINGS_MAX);
      for (const issued of findings.issue) {
        const { loadId, path, size, mtimeMs, version, at } = issued;
        const source = pipeline.source.name;
        publisher.addTask({ loadId, source, path, size, mtimeMs, version, issuedAt: at, replay: null });
      }
      for (const issued of [...findings.issue, ...findings.refresh])
        publisher.setState(stateKeys.issued(issued.path), issued);
      for (const path of findings.forget) publisher.setState(stateKeys.issued(path), null);
      if (findings.forget.length > 0) publisher.setState(stateKeys.forgotten, findings.forgotten);
      await publisher.flush();
      this.#discovery.written(findings);
      emit({ type: 'files-found', issued: findings.issue.length, known: this.#discovery.knownFiles });
      if (findings.issue.length < FINDINGS_MAX) return;
    }
  }

  async #learn(signal: AbortSignal): Promise<void> {
    const { kafka, pipeline } = this.#deps;
    const topic = topics.state(pipeline, 'ingest');
    const apply = (change: StateChange): void => {
      if (change.kind === 'file') this.#discovery.learnResult(change.name, change.value);
      else if (change.kind === 'issued') this.#discovery.learnIssued(change.name, change.value);
      else if (change.kind === 'forgotten' && change.value) this.#discovery.learnForgotten(change.value);
    };
    await Promise.all(
      this.#positions.map(async (from, partition) => {
        if (from !== undefined && (await kafka.offsets(topic, partition)).highWatermark <= from) return;
        this.#positions[partition] = await readState(kafka, pipeline, partition, from, apply, signal);
      }),
    );
  }

  async #list(
    signal: AbortSignal,
  ): Promise<{ readonly listing: readonly SeenFile[]; readonly complete: boolean }> {
    const listing: SeenFile[] = [];
    let complete = true;
    for (const { folder, depth } of this.#deps.matcher.folders()) {
      const ok = await this.#listFolder(folder, depth, listing, signal);
      complete &&= ok;
    }
    return { listing, complete };
  }

  /** False when the folder or one below it could not be listed; the others are listed all the same. */
  async #listFolder(
    folder: string,
    depth: number,
    listing: SeenFile[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const { files, matcher } = this.#deps;
    const below: string[] = [];
    let refused = 0;
    try {
      for await (const entries of files.list(folder, signal)) {
        this.#deps.turn(true);
        for (const { name, kind, size, mtimeMs } of entries) {
          if (!isSafeName(name)) {
            refused += 1;
            continue;
          }
          const path = posix.join(folder, name);
          if (kind === 'folder' && depth > 0) below.push(path);
          else if (kind === 'file' && matcher.match(path)) listing.push({ path, size, mtimeMs });
        }
      }
    } catch (error) {
      if (signal.aborted || isServerTrouble(error)) throw error;
      this.#noteFolder(folder, asMillraceError(error));
      return false;
    }
    this.#noteFolder(folder, null);
    this.#noteRefused(folder, refused);
    let complete = true;
    for (const path of below) {
      const ok = await this.#listFolder(path, depth - 1, listing, signal);
      complete &&= ok;
    }
    return complete;
  }

  #noteFolder(folder: string, error: Error | null): void {
    if (error && !this.#unreadable.has(folder)) {
      this.#unreadable.add(folder);
      this.#deps.emit({ type: 'folder-unreadable', folder, error });
    } else if (!error && this.#unreadable.delete(folder))
      this.#deps.emit({ type: 'folder-readable', folder });
  }

  #noteRefused(folder: string, count: number): void {
    if ((this.#refused.get(folder) ?? 0) === count) return;
    this.#refused.set(folder, count);
    if (count > 0) this.#deps.emit({ type: 'name-refused', folder, count });
  }
}
