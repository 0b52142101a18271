import { cataloguedPipeline, type OpcuaPipeline, type OpcuaServer } from '@millrace/config';
import { groupId, LEDGER_DEFINITION, pipelineTopics, streamSchema, topics } from '@millrace/contracts';
import { type Clock, partitionFor, type Random } from '@millrace/core';
import type { KafkaClient, PartitionHost, SchemaRegistry } from '@millrace/kafka';
import { createEncoders, Turns } from '@millrace/source-kit';
import type { Pki } from './adapters/opcua/pki.ts';
import { collect } from './collect.ts';
import type { CollectorEvent } from './events.ts';
import { Intake } from './intake.ts';
import type { SpoolDisk } from './ports.ts';
import { PublishingSpools } from './spool/publishing.ts';
import { lastPublished } from './spool/state.ts';
import { SpoolStore } from './spool/store.ts';

export interface CollectorDeps {
  readonly instance: string;
  readonly kafka: KafkaClient;
  readonly registry: SchemaRegistry;
  readonly disk: SpoolDisk;
  readonly pki: Pki;
  readonly clock: Clock;
  readonly random: Random;
  /** Random names of spools. */
  readonly newId: () => string;
  readonly workFolder: string;
  readonly emit: (event: CollectorEvent) => void;
}

export interface Collector {
  readonly host: PartitionHost;
  readonly turns: Turns;
  /** Rejects when a silence cannot be ended from here. */
  readonly done: Promise<void>;
  detail(): Readonly<Record<string, unknown>>;
  stop(): Promise<void>;
}

/**
 * OPC UA servers → spool on disk → raw topic, gaps and the account.
 *
 * The owner of task partition hash(server name) collects from that server into a spool of its own. Spools are
 * published by whoever has the disk, also those that a killed process left.
 */
export async function startCollector(pipeline: OpcuaPipeline, deps: CollectorDeps): Promise<Collector> {
  const { kafka, registry, clock, disk, emit } = deps;
  await kafka.ensureTopics([...pipelineTopics(cataloguedPipeline(pipeline)), LEDGER_DEFINITION]);
  const encoders = await createEncoders(registry, pipeline);
  const store = new SpoolStore(disk, deps.workFolder, pipeline, deps.newId);
  const spools = new PublishingSpools({ ...deps, pipeline, encoders });
  // When the last reading of each server was kept: where the gap of the next start begins.
  const lastKept = new Map<string, number>();
  for (const log of await store.abandoned()) {
    const { server, spoolId } = log.meta;
    emit({ type: 'spool-found', server, spoolId, bytes: log.bytes });
    noteLast(lastKept, server, log.lastReadingMs);
    spools.publish(log);
  }
  const turns = new Turns(clock);
  const beyondRecovery = Promise.withResolvers<void>();
  beyondRecovery.promise.catch(() => undefined);
  const collectors = new Collectors(pipeline, deps, { store, spools, turns, lastKept });
  const host = kafka.host({
    groupId: groupId(deps.instance, 'opc-collector', pipeline),
    topic: topics.tasks(pipeline),
    runner: (partition, signal) =>
      collectors.runPartition(partition, signal, (error) => beyondRecovery.reject(error)),
  });
  host.done.catch((error: unknown) => beyondRecovery.reject(error));
  return {
    host,
    turns,
    done: beyondRecovery.promise,
    detail: () => ({
      partitions: host.status().map(({ partition, state }) => ({ partition, state })),
      ...spools.detail(),
    }),
    async stop() {
      await host.stop();
      await spools.drain();
    },
  };
}

interface Parts {
  readonly store: SpoolStore;
  readonly spools: PublishingSpools;
  readonly turns: Turns;
  readonly lastKept: Map<string, number>;
}

class Collectors {
  readonly #pipeline: OpcuaPipeline;
  readonly #deps: CollectorDeps;
  readonly #parts: Parts;

  constructor(pipeline: OpcuaPipeline, deps: CollectorDeps, parts: Parts) {
    this.#pipeline = pipeline;
    this.#deps = deps;
    this.#parts = parts;
  }

  /** Collects from every server that hashes to the partition, until it is lost. */
  async runPartition(
    partition: number,
    signal: AbortSignal,
    onFatal: (error: unknown) => void,
  ): Promise<void> {
    const { servers } = this.#pipeline.source;
    const own = servers.filter(
      ({ name }) => partitionFor(Buffer.from(name), this.#pipeline.partitions) === partition,
    );
    const ended = new AbortController();
    const either = AbortSignal.any([signal, ended.signal]);
    const jobs = own.map((server) =>
      this.#collect(server, either).catch((error: unknown) => {
        // One failure ends the runner; the host starts it again as the error's kind says.
        ended.abort(error);
        if (isSilent(error)) onFatal(error);
        throw error;
      }),
    );
    if (jobs.length === 0) await aborted(signal);
    const results = await Promise.allSettled(jobs);
    const failure = results.find((result) => result.status === 'rejected');
    if (failure && !signal.aborted) throw failure.reason;
  }

  async #collect(server: OpcuaServer, signal: AbortSignal): Promise<void> {
    const pipeline = this.#pipeline;
    const { kafka, clock, random, pki, emit } = this.#deps;
    const { store, spools, turns, lastKept } = this.#parts;
    noteLast(lastKept, server.name, await lastPublished(kafka, pipeline, server.name, signal));
    const schema = JSON.stringify(streamSchema(pipeline, 'raw', pipeline.record.fields));
    const { spool: settings } = pipeline.source;
    const onBlocked = (blocked: boolean): void => {
      intake.blocked = blocked;
    };
    const writer = await store.create(server.name, { clock, settings, schema, emit, onBlocked });
    spools.publish(writer.log);
    const intake = new Intake(server.name, pipeline, writer, clock, lastKept.get(server.name) ?? null);
    const groups = pipeline.source.groups.filter((group) => group.servers.includes(server.name));
    const turn = (): void => turns.turn(server.name);
    try {
      await collect({ server, groups, pki, intake, clock, random, emit, turn }, signal);
    } finally {
      turns.end(server.name);
      await writer.seal();
      noteLast(lastKept, server.name, intake.lastMs);
    }
  }
}

function noteLast(lastKept: Map<string, number>, server: string, lastMs: number | null): void {
  if (lastMs !== null && lastMs > (lastKept.get(server) ?? Number.NEGATIVE_INFINITY))
    lastKept.set(server, lastMs);
}

function isSilent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'MR-OPC-SILENT';
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
