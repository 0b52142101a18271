import { join } from 'node:path';
import type { OpcuaPipeline } from '@millrace/config';
import {
  formatFileTime,
  formatMark,
  INGEST_STAGE,
  ledgerEntry,
  ledgerName,
  loadIdOf,
  spoolTransactionalId,
  topics,
} from '@millrace/contracts';
import { type Clock, emptyTally, formatTally, MillraceError, partitionFor } from '@millrace/core';
import type { AvroSchema, KafkaClient, SchemaRegistry } from '@millrace/kafka';
import { type Encoders, type FileVersion, Lane, LoadAccount, Publisher } from '@millrace/source-kit';
import { type Gap, gapText, parseGap } from '../domain/gap.ts';
import type { SpoolDisk } from '../ports.ts';
import { FRAME, type Frame } from './frames.ts';
import { type Segment, type SpoolLog, segmentFile } from './log.ts';
import { framesOf } from './recover.ts';
import { type CursorState, readCursors, spoolKeys } from './state.ts';

export type PublishEvent =
  | { readonly type: 'committed'; readonly server: string; readonly rows: number; readonly ms: number }
  | { readonly type: 'gap'; readonly gap: Gap }
  | {
      readonly type: 'load-published';
      readonly server: string;
      readonly loadId: string;
      readonly rows: number;
    }
  | {
      readonly type: 'load-lost';
      readonly server: string;
      readonly loadId: string;
      readonly readings: number;
    };

export interface PublishDeps {
  readonly instance: string;
  readonly pipeline: OpcuaPipeline;
  readonly kafka: KafkaClient;
  readonly registry: SchemaRegistry;
  readonly encoders: Encoders;
  readonly disk: SpoolDisk;
  readonly clock: Clock;
  readonly emit: (event: PublishEvent) => void;
}

/**
 * Publishes one spool from its cursor to its end, each reading once. Ends when the spool is sealed, published and
 * removed from disk. Throws what Kafka throws: the caller calls again, and the cursor in Kafka says where to go on.
 */
export async function publishSpool(log: SpoolLog, deps: PublishDeps, signal: AbortSignal): Promise<void> {
  const { instance, pipeline, kafka } = deps;
  const { spoolId } = log.meta;
  const id = spoolTransactionalId(instance, 'opc-collector', pipeline, spoolId);
  const producer = await kafka.takeOver(id, signal);
  const partition = partitionFor(Buffer.from(spoolId), pipeline.partitions);
  const failed = new AbortController();
  const publisher = new Publisher({
    pipeline,
    partition,
    producer,
    lane: new Lane(),
    encoders: deps.encoders,
    newOutbox: () => kafka.newOutbox(),
    clock: deps.clock,
  });
  publisher.onFailure = (error) => failed.abort(error);
  publisher.onCommitted = (rows, ms) => deps.emit({ type: 'committed', server: log.meta.server, rows, ms });
  try {
    const cursor = (await readCursors(kafka, pipeline, partition, signal)).get(spoolId) ?? null;
    const cluster = await kafka.clusterId();
    checkCursor(log, cursor, pipeline, cluster);
    const run = new SpoolPublication(log, deps, publisher, partition, cluster, cursor);
    await run.toTheEnd(AbortSignal.any([signal, failed.signal]));
  } catch (error) {
    throw failed.signal.aborted && !signal.aborted ? failed.signal.reason : error;
  } finally {
    publisher.close();
    await producer.close();
  }
}

function checkCursor(
  log: SpoolLog,
  cursor: CursorState | null,
  pipeline: OpcuaPipeline,
  cluster: string,
): void {
  const halt = (code: string, message: string, remedy: string): MillraceError =>
    new MillraceError({ kind: 'halt', code, message, remedy });
  const where = `The spool ${log.meta.spoolId} of ${log.meta.server}`;
  if (cursor && cursor.cluster !== cluster)
    throw halt(
      'MR-STATE-CLUSTER',
      `${where} was begun on another Kafka cluster.`,
      'Point the service at the cluster it came from, or raise `generation`.',
    );
  if (cursor && cursor.layout !== pipeline.layoutHash)
    throw halt(
      'MR-PIPELINE-LAYOUT',
      `${where} was begun under other keys, outputs or partitions.`,
      'Undo the edit, or drain the pipeline and raise `generation`.',
    );
  if (!cursor && (log.first ?? 0) > 0)
    throw halt(
      'MR-SPOOL-CURSOR',
      `${where} is published in part, but Kafka does not know how far.`,
      'The state topic was made anew. Move the folder away, or raise `generation`.',
    );
}

class SpoolPublication {
  readonly #log: SpoolLog;
  readonly #deps: PublishDeps;
  readonly #publisher: Publisher;
  readonly #partition: number;
  readonly #cluster: string;
  readonly #schemaIds = new Map<string, number>();
  #index: number;
  /** First sequence number that is not handed to the publisher. */
  #sequence: number;
  #lastMs: number | null;
  #account: LoadAccount | null = null;
  #resume: CursorState['tallies'];
  #done: boolean;
  #value = Buffer.allocUnsafe(64 * 1024);

  constructor(
    log: SpoolLog,
    deps: PublishDeps,
    publisher: Publisher,
    partition: number,
    cluster: string,
    cursor: CursorState | null,
  ) {
    this.#log = log;
    this.#deps = deps;
    this.#publisher = publisher;
    this.#partition = partition;
    this.#cluster = cluster;
    this.#index = cursor?.segment ?? log.first ?? 0;
    this.#sequence = cursor?.sequence ?? 0;
    this.#lastMs = cursor?.lastMs ?? null;
    this.#resume = cursor?.tallies ?? null;
    this.#done = cursor?.done ?? false;
  }

  async toTheEnd(signal: AbortSignal): Promise<void> {
    while (!this.#done) {
      const segment = this.#log.segment(this.#index);
      if (segment) await this.#segment(segment, signal);
      else if (this.#index < this.#log.lastIndex || (this.#index === this.#log.lastIndex && this.#log.sealed))
        // Never written to the end, or published before the crash.
        await this.#next();
      else if (this.#log.sealed) break;
      else await this.#log.changed(signal);
    }
    await this.#finish();
  }

  /** State first, folder second, state away last: a crash in between repeats nothing. */
  async #finish(): Promise<void> {
    this.#done = true;
    this.#addCursor();
    await this.#publisher.flush();
    await this.#deps.disk.remove(this.#log.folder);
    this.#publisher.setState(spoolKeys.cursor(this.#log.meta.spoolId), null);
    await this.#publisher.flush();
  }

  async #next(): Promise<void> {
    const index = this.#index;
    this.#index += 1;
    this.#account = null;
    this.#resume = null;
    this.#addCursor();
    await this.#publisher.flush();
    await this.#log.release(index);
  }

  async #segment(segment: Segment, signal: AbortSignal): Promise<void> {
    const account = new LoadAccount(this.#load(segment), this.#resume ?? undefined);
    this.#account = account;
    this.#publisher.beforeFlush = () => this.#addProgress();
    try {
      const lost = this.#log.begin(segment.header.index)
        ? await this.#rows(segment, account, signal)
        : segment.readings;
      this.#publisher.beforeFlush = null;
      this.#sequence = Math.max(this.#sequence, segment.nextSequence);
      this.#addResult(segment, account, lost);
      await this.#next();
    } finally {
      this.#publisher.beforeFlush = null;
    }
  }

  /** Publishes what is there and what still comes; returns how many readings could not be read any more. */
  async #rows(segment: Segment, account: LoadAccount, signal: AbortSignal): Promise<number> {
    const path = join(this.#log.folder, segmentFile(segment.header.index));
    const fileTime = formatFileTime(segment.header.openedAt);
    const schemaId = await this.#schemaId(segment.header.schema);
    let at = 0;
    for (;;) {
      const { bytes, closed } = segment;
      for await (const frame of framesOf(this.#deps.disk, path, at, bytes)) {
        if (frame === 'damaged')
          return segment.nextSequence - Math.max(this.#sequence, segment.header.firstSequence);
        at = frame.end;
        if (frame.kind === FRAME.header || frame.sequence < this.#sequence) continue;
        if (frame.sequence >= segment.nextSequence) break;
        this.#sequence = frame.sequence + 1;
        if (frame.kind === FRAME.gap) this.#gap(frame);
        else this.#row(frame, segment, account, schemaId, fileTime);
        if (this.#publisher.full) await this.#publisher.startFlush();
        signal.throwIfAborted();
      }
      if (closed && bytes === segment.bytes) return segment.missing;
      if (bytes !== segment.bytes) continue;
      // Caught up: what is there goes out now.
      const changed = this.#log.changed(signal);
      changed.catch(() => undefined);
      await this.#publisher.startFlush();
      if (bytes === segment.bytes && !segment.closed) await changed;
    }
  }

  #row(frame: Frame, segment: Segment, account: LoadAccount, schemaId: number, fileTime: string): void {
    const row = frame.sequence - segment.header.firstSequence + 1;
    const length = frame.body.length + 5;
    if (this.#value.length < length) this.#value = Buffer.allocUnsafe(length * 2);
    const value = this.#value.subarray(0, length);
    // Confluent's wire format in front of the body, which was encoded when it was spooled.
    value[0] = 0;
    value.writeInt32BE(schemaId, 1);
    frame.body.copy(value, 5);
    if (this.#lastMs === null || frame.timeMs > this.#lastMs) this.#lastMs = frame.timeMs;
    if (this.#publisher.addEncodedRow(frame.key, value, formatMark(account.file.loadId, row), fileTime))
      account.published(row);
    else this.#addGap({ ...this.#span(frame.timeMs), reason: 'overflow', lost: 1 }, frame.sequence);
  }

  #span(timeMs: number): { readonly server: string; readonly fromMs: number; readonly toMs: number } {
    return { server: this.#log.meta.server, fromMs: timeMs, toMs: timeMs };
  }

  #gap(frame: Frame): void {
    const gap = parseGap(frame.body);
    if (gap) this.#addGap(gap, frame.sequence);
  }

  #addGap(gap: Gap, sequence: number): void {
    const { clock, emit, pipeline } = this.#deps;
    const { server, spoolId } = this.#log.meta;
    const at = clock.now();
    const path = `opcua://${server}/${spoolId}/gap-${sequence}`;
    const mtimeMs = gap.fromMs ?? gap.toMs;
    const place = { path, size: 0, mtimeMs, version: 1 };
    const loadId = loadIdOf({ source: pipeline.source.name, ...place });
    const none = formatTally(emptyTally());
    this.#publisher.setState(spoolKeys.gap(server, mtimeMs), { ...gap, at });
    this.#publisher.setLedger(
      ledgerEntry(
        {
          pipeline: ledgerName(pipeline),
          loadId,
          stage: INGEST_STAGE,
          partition: this.#partition,
          part: 0,
          at,
        },
        {
          ingest: {
            source: pipeline.source.name,
            ...place,
            rows: none,
            published: none,
            rejected: none,
            resolved: none,
            state: gap.lost ? 'abandoned' : 'published',
            sha256: null,
            reason: gapText(gap),
          },
        },
      ),
    );
    emit({ type: 'gap', gap });
  }

  #addResult(segment: Segment, account: LoadAccount, lost: number): void {
    const { server } = this.#log.meta;
    const { loadId } = account.file;
    const { emit } = this.#deps;
    if (lost > 0) {
      const reason = segment.dropped ? 'overflow' : 'damaged';
      const fromMs = Number.isNaN(segment.firstMs) ? this.#lastMs : segment.firstMs;
      const toMs = Number.isNaN(segment.lastMs) ? this.#deps.clock.now() : segment.lastMs;
      const gap: Gap = { server, fromMs, toMs, reason, lost };
      this.#publisher.setState(spoolKeys.gap(server, fromMs ?? toMs), { ...gap, at: this.#deps.clock.now() });
      this.#addLedger(account, 'abandoned', gapText(gap));
      emit({ type: 'gap', gap });
      emit({ type: 'load-lost', server, loadId, readings: lost });
      return;
    }
    const { rows } = account.counts;
    // A segment of gaps only is no load.
    if (rows === 0) return;
    this.#addLedger(account, 'published', null);
    emit({ type: 'load-published', server, loadId, rows });
  }

  #addProgress(): void {
    if (this.#account && this.#account.counts.rows > 0) this.#addLedger(this.#account, 'open', null);
    this.#addCursor();
  }

  #addLedger(account: LoadAccount, state: 'open' | 'published' | 'abandoned', reason: string | null): void {
    const { pipeline, clock } = this.#deps;
    const place = {
      pipeline: ledgerName(pipeline),
      source: pipeline.source.name,
      partition: this.#partition,
    };
    this.#publisher.setLedger(
      account.ledgerEntry({ ...place, at: clock.now() }, { state, sha256: null, reason }),
    );
  }

  #addCursor(): void {
    const cursor: CursorState = {
      server: this.#log.meta.server,
      cluster: this.#cluster,
      layout: this.#deps.pipeline.layoutHash,
      segment: this.#index,
      sequence: this.#sequence,
      tallies: this.#account?.texts() ?? null,
      lastMs: this.#lastMs,
      done: this.#done,
    };
    const { spoolId, server } = this.#log.meta;
    this.#publisher.setState(spoolKeys.cursor(spoolId), cursor);
    if (this.#lastMs !== null) this.#publisher.setState(spoolKeys.last(server), { lastMs: this.#lastMs });
  }

  #load({ header }: Segment): FileVersion {
    const { server, spoolId } = this.#log.meta;
    const place = {
      path: `opcua://${server}/${spoolId}/${header.index}`,
      size: 0,
      mtimeMs: header.openedAt,
      version: 1,
    };
    return { ...place, loadId: loadIdOf({ source: this.#deps.pipeline.source.name, ...place }) };
  }

  async #schemaId(schema: string): Promise<number> {
    const known = this.#schemaIds.get(schema);
    if (known !== undefined) return known;
    const { registry, pipeline } = this.#deps;
    const id = await registry.register(topics.raw(pipeline), JSON.parse(schema) as AvroSchema);
    this.#schemaIds.set(schema, id);
    return id;
  }
}
