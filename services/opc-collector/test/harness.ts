import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isOpcuaPipeline, loadPipelines, type OpcuaPipeline } from '@millrace/config';
import {
  LEDGER_DEFINITION,
  LEDGER_ENTRY_SCHEMA,
  LEDGER_TOPIC,
  type LedgerEntry,
  ledgerKey,
  ownType,
  streamSchema,
  streamType,
  topics,
} from '@millrace/contracts';
import { parseTally, type RecordValue, systemClock } from '@millrace/core';
import { connectKafka, createSchemaRegistry, type FetchedRecord, type KafkaClient } from '@millrace/kafka';
import {
  createProxy,
  type FaultProxy,
  freePort,
  type Service,
  spawnService,
  waitFor,
} from '@millrace/testkit';
import { inject } from 'vitest';
import { nodeDisk } from '../src/adapters/disk/node-disk.ts';
import { openPki } from '../src/adapters/opcua/pki.ts';
import type { CollectorEvent } from '../src/events.ts';
import { startCollector } from '../src/pipeline.ts';
import type { SpoolDisk } from '../src/ports.ts';
import { SpoolStore } from '../src/spool/store.ts';
import { PlantServer, type PlantServerOptions } from './plant-server.ts';

const FOREVER = new AbortController().signal;

export interface Running extends AsyncDisposable {
  readonly events: CollectorEvent[];
  stop(): Promise<void>;
  /** Waits for the n-th event of a kind. */
  event(type: CollectorEvent['type'], count?: number): Promise<CollectorEvent>;
}

const YAML = `
pipeline: NAME
partitions: 2
source:
  opcua:
    servers:
      - { name: line1, endpoint: "ENDPOINT", security: { mode: MODE }, staleAfter: 3s, requestTimeout: 2s }
    groups:
GROUPS
    spool: { SPOOL }
sinks:
  nothing:
    postgres: { url: "postgres://nobody@127.0.0.1:1/none" }
    table: nothing
    merge: { key: [tag, time], version: [] }
`;

const GROUP = `      - name: fast
        browse: { from: "nsu=urn:plant;s=Site", every: 1s }
        sampling: 0ms
        publishing: 100ms
`;

/** One pipeline of its own on the shared stack, with an OPC UA server of its own. */
export class Harness implements AsyncDisposable {
  readonly name = `o${randomBytes(4).toString('hex')}`;
  readonly work: string;
  readonly port: number;
  readonly kafka: KafkaClient;
  /** Between collector and server. */
  readonly line: FaultProxy;
  pipeline: OpcuaPipeline;
  readonly #secure: boolean;
  readonly #env = inject('stack');
  readonly #running: AsyncDisposable[] = [];

  private constructor(work: string, port: number, line: FaultProxy, kafka: KafkaClient, secure: boolean) {
    this.work = work;
    this.port = port;
    this.line = line;
    this.kafka = kafka;
    this.#secure = secure;
    this.pipeline = {} as OpcuaPipeline;
  }

  static async create(
    options: { secure?: boolean; groups?: string; spool?: string; endpoint?: string } = {},
  ): Promise<Harness> {
    const work = await mkdtemp(join(tmpdir(), 'millrace-opc-'));
    const kafka = await connect(inject('stack'));
    const port = await freePort();
    const line = await createProxy({ host: '127.0.0.1', port });
    const harness = new Harness(work, port, line, kafka, options.secure ?? false);
    const text = YAML.replace('NAME', harness.name)
      .replace('ENDPOINT', options.endpoint ?? `opc.tcp://127.0.0.1:${line.port}`)
      .replace('MODE', options.secure ? 'SignAndEncrypt' : 'insecure')
      .replace('GROUPS\n', options.groups ?? GROUP)
      .replace('SPOOL', options.spool ?? 'roll: 2s');
    await mkdir(join(work, 'pipelines'));
    await writeFile(join(work, 'pipelines', 'pipeline.yaml'), text);
    const { pipelines, problems } = loadPipelines(join(work, 'pipelines'), inject('stack'));
    const [pipeline] = pipelines;
    if (!pipeline || !isOpcuaPipeline(pipeline)) throw new Error(JSON.stringify(problems));
    harness.pipeline = pipeline;
    return harness;
  }

  async server(options: Partial<PlantServerOptions> = {}): Promise<PlantServer> {
    const folder = join(this.work, 'server-pki');
    const server = await PlantServer.start({ port: this.port, folder, secure: this.#secure, ...options });
    this.#running.push(server);
    return server;
  }

  async run(disk: SpoolDisk = nodeDisk): Promise<Running> {
    const events: CollectorEvent[] = [];
    const kafka = await connect(this.#env);
    const collector = await startCollector(this.pipeline, {
      instance: this.name,
      kafka,
      registry: createSchemaRegistry({ url: this.#env.SCHEMA_REGISTRY_URL ?? '' }, { clock: systemClock }),
      disk,
      pki: await openPki(this.work),
      clock: systemClock,
      random: Math.random,
      newId: () => randomBytes(8).toString('hex'),
      workFolder: this.work,
      emit: (event) => events.push(event),
    });
    let stopped: Promise<void> | null = null;
    const stop = (): Promise<void> => {
      stopped ??= collector.stop().then(() => kafka.close());
      return stopped;
    };
    const event = (type: CollectorEvent['type'], count = 1): Promise<CollectorEvent> =>
      waitFor(() => events.filter((one) => one.type === type)[count - 1] ?? null, {
        what: `${count} × ${type}`,
        deadlineMs: 30_000,
      });
    const running = { events, stop, event, [Symbol.asyncDispose]: stop };
    this.#running.push(running);
    return running;
  }

  /** Spools `count` numbered readings of 200 bytes without publishing any, as a process does whose broker is away. */
  async spoolOnly(count: number): Promise<void> {
    const store = new SpoolStore(nodeDisk, this.work, this.pipeline, () => 'left');
    const schema = streamSchema(this.pipeline, 'raw', this.pipeline.record.fields);
    const { spool: settings } = this.pipeline.source;
    const deps = { clock: systemClock, settings, schema: JSON.stringify(schema), emit: () => undefined };
    const writer = await store.create('line1', deps);
    const type = streamType(schema);
    for (let i = 0; i < count; i += 1) {
      writer.append('T', type.toBuffer(numbered(i)), 1_700_000_000_000 + i);
      if (i % 500 === 0) await writer.sync();
    }
    await writer.seal();
    // As if the process were gone.
    const owner = join(writer.log.folder, 'owner.json');
    await writeFile(owner, JSON.stringify({ ...writer.log.meta, processStart: 'another' }));
  }

  /** Runs the service as a process, to be killed. */
  spawn(env: Readonly<Record<string, string>> = {}): Service {
    const service = spawnService({
      entry: join(import.meta.dirname, '../src/main.ts'),
      env: {
        ...this.#env,
        MILLRACE_PIPELINES: join(this.work, 'pipelines'),
        MILLRACE_INSTANCE: this.name,
        MILLRACE_WORK: this.work,
        HTTP_HOST: '127.0.0.1',
        HTTP_PORT: '0',
        ...env,
      },
    });
    this.#running.push(service);
    return service;
  }

  /** `millrace opc trust <thumbprint>`, as people call it. */
  async trust(thumbprint: string): Promise<string> {
    const main = join(import.meta.dirname, '../../../cli/src/main.ts');
    const args = ['--conditions=source', main, 'opc', 'trust', thumbprint];
    const env = { ...process.env, ...this.#env, MILLRACE_WORK: this.work, MILLRACE_PIPELINES: this.work };
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    return stdout;
  }

  async readings(): Promise<RecordValue[]> {
    const type = streamType(streamSchema(this.pipeline, 'raw', this.pipeline.record.fields));
    const rows: RecordValue[] = [];
    await this.#each(topics.raw(this.pipeline), this.pipeline.partitions, (record) =>
      rows.push({ ...(type.fromBuffer(Buffer.from(record.value ?? []).subarray(5)) as RecordValue) }),
    );
    return rows;
  }

  /** Values of a tag in the order of the topic. */
  async values(tag: string): Promise<number[]> {
    return (await this.readings()).filter((one) => one.tag === tag).map((one) => Number(one.value));
  }

  /** Waits until the last value of a tag is there. */
  async arrived(tag: string, value: number): Promise<number[]> {
    return waitFor(
      async () => {
        const values = await this.values(tag);
        return values.includes(value) ? values : null;
      },
      { what: `${tag} = ${value}`, deadlineMs: 60_000, pollMs: 200 },
    );
  }

  /** The source's side of the account: latest entry of each load. */
  async ledger(): Promise<NonNullable<LedgerEntry['ingest']>[]> {
    const type = ownType(LEDGER_ENTRY_SCHEMA);
    const latest = new Map<string, LedgerEntry>();
    await this.#each(LEDGER_TOPIC, LEDGER_DEFINITION.partitions, (record) => {
      if (record.value === null) return;
      const entry = type.fromBuffer(Buffer.from(record.value.subarray(5))) as LedgerEntry;
      if (entry.pipeline === this.name) latest.set(ledgerKey(entry), entry);
    });
    return [...latest.values()].flatMap((entry) => entry.ingest ?? []);
  }

  /** Rows published according to the account, and what is still open. */
  async account(): Promise<{ rows: number; open: number; gaps: string[] }> {
    const entries = await this.ledger();
    const loads = entries.filter((one) => !one.path.includes('/gap-'));
    return {
      rows: loads.reduce((sum, one) => sum + (parseTally(one.published)?.n ?? Number.NaN), 0),
      open: loads.filter((one) => one.state === 'open').length,
      gaps: entries.flatMap((one) => (one.reason?.startsWith('gap') ? [one.reason] : [])),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const running of this.#running.reverse()) await running[Symbol.asyncDispose]();
    await this.line.close();
    await this.kafka.close();
    await rm(this.work, { recursive: true, force: true });
  }

  async #each(topic: string, partitions: number, take: (record: FetchedRecord) => void): Promise<void> {
    for (let p = 0; p < partitions; p += 1)
      for await (const batch of this.kafka.readToEnd(topic, p, { signal: FOREVER }))
        for (const record of batch.records) take(record);
  }
}

function connect(env: Readonly<Record<string, string>>): Promise<KafkaClient> {
  return connectKafka(
    { brokers: (env.KAFKA_BROKERS ?? '').split(','), clientId: 'opc-test' },
    { clock: systemClock, random: Math.random, onEvent: () => undefined },
  );
}

export function counted(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

function numbered(i: number): RecordValue {
  return {
    tag: 'T',
    nodeId: 'nsu=urn:plant;s=T',
    clientId: 'line1',
    sensor: 'x'.repeat(100),
    time: (1_700_000_000_000 + i) * 1_000,
    sourceTime: null,
    serverTime: null,
    value: i,
    valueLong: null,
    valueBoolean: null,
    valueText: null,
    valueBytes: null,
    statusCode: 0n,
    quality: 'good',
    unit: null,
    backfilled: false,
  };
}
