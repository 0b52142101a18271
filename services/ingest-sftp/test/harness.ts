import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FilePipeline, isFilePipeline, loadPipelines } from '@millrace/config';
import {
  DEAD_LETTER_SCHEMA,
  type DeadLetter,
  LEDGER_DEFINITION,
  LEDGER_ENTRY_SCHEMA,
  LEDGER_TOPIC,
  type LedgerEntry,
  type LoadAccount,
  ledgerKey,
  ownType,
  reconcile,
  streamSchema,
  streamType,
  TASK_SCHEMA,
  type Task,
  topics,
} from '@millrace/contracts';
import { ByteBudget, partitionFor, type RecordValue, systemClock } from '@millrace/core';
import {
  connectKafka,
  createSchemaRegistry,
  createWireEncoder,
  type FetchedRecord,
  type KafkaClient,
} from '@millrace/kafka';
import { type Service, spawnService, waitFor } from '@millrace/testkit';
import { inject } from 'vitest';
import { SftpFiles } from '../src/adapters/sftp/sftp-files.ts';
import type { IngestEvent } from '../src/events.ts';
import { startIngest } from '../src/pipeline.ts';
import type { RemoteFiles } from '../src/ports.ts';

export interface RawRecord {
  readonly key: string;
  readonly mark: string;
  readonly fileTime: string;
  readonly value: RecordValue;
}

export interface HarnessOptions {
  readonly archive?: boolean;
  readonly spool?: boolean;
  /** Instead of `in/*.csv`. */
  readonly match?: string;
}

export interface Running extends AsyncDisposable {
  readonly events: IngestEvent[];
  stop(): Promise<void>;
}

const FOREVER = new AbortController().signal;

const YAML = `
pipeline: NAME
partitions: 4
source:
  sftp: { host: "\${SFTP_HOST}", port: "\${SFTP_PORT}", user: "\${SFTP_USER}", password: "\${SFTP_PASSWORD}", hostKey: "\${SFTP_HOST_KEY}", idleTimeout: 5s }
  poll: 100ms
  stableFor: 100ms
  SETTINGS
  files:
    - match: /NAME/MATCH
      csv: { delimiter: ";", timestamp: iso, zone: UTCFORMAT }
record:
  key: [tag, at]
  fields:
    tag: { type: string, from: Tag }
    at: { type: timestamp, from: Time }
    value: { type: float64, from: Value, optional: true }
transform: {}
sinks:
  nothing:
    postgres: { url: "postgres://nobody@127.0.0.1:1/none" }
    from: clean
    table: nothing
    merge: { key: [tag, at], version: [] }
    columns: { tag: tag, at: at, value: value }
`;

/** One pipeline of its own on the shared stack, with its folder on the SFTP simulator. */
export class Harness implements AsyncDisposable {
  readonly name: string;
  readonly pipeline: FilePipeline;
  readonly kafka: KafkaClient;
  /** On disk. */
  readonly folder: string;
  readonly #work: string;
  readonly #env = inject('stack');
  readonly #running: AsyncDisposable[] = [];

  private constructor(name: string, work: string, pipeline: FilePipeline, kafka: KafkaClient) {
    this.name = name;
    this.#work = work;
    this.pipeline = pipeline;
    this.kafka = kafka;
    this.folder = join(this.#env.SFTP_ROOT ?? '', name);
  }

  static async create(options: HarnessOptions = {}): Promise<Harness> {
    const name = `i${randomBytes(4).toString('hex')}`;
    const work = await mkdtemp(join(tmpdir(), `millrace-${name}-`));
    const pipeline = await writePipeline(work, name, options, '');
    const harness = new Harness(name, work, pipeline, await connect(inject('stack')));
    await mkdir(join(harness.folder, 'in'), { recursive: true });
    return harness;
  }

  /** The same pipeline, edited: `n/a` means that there is no value. */
  edited(): Promise<FilePipeline> {
    return writePipeline(this.#work, this.name, {}, ', nulls: ["", n/a]');
  }

  path(file: string): string {
    return join(this.folder, file);
  }

  async deliver(file: string, content: string | Buffer, mtime?: Date): Promise<void> {
    const part = this.path(`${file.replaceAll('/', '_')}.part`);
    await writeFile(part, content);
    if (mtime) await utimes(part, mtime, mtime);
    await rename(part, this.path(file));
  }

  /** Runs the service's pipeline in this process, with a client of its own. */
  async run(
    pipeline = this.pipeline,
    files: RemoteFiles = new SftpFiles(pipeline.source.sftp),
  ): Promise<Running> {
    const events: IngestEvent[] = [];
    const kafka = await connect(this.#env);
    const ingest = await startIngest(pipeline, {
      instance: this.name,
      kafka,
      registry: this.#registry(),
      files,
      byteBudget: new ByteBudget(64 << 20),
      clock: systemClock,
      random: Math.random,
      workFolder: this.#work,
      emit: (event) => events.push(event),
      reissueDelayMs: 300,
      archiveRetry: { delayMs: 100, maxDelayMs: 200 },
    });
    let stopped: Promise<void> | null = null;
    const stop = (): Promise<void> => {
      stopped ??= ingest.stop().then(() => kafka.close());
      return stopped;
    };
    const running = { events, stop, [Symbol.asyncDispose]: stop };
    this.#running.push(running);
    return running;
  }

  /** Runs the service as a process, to be killed. */
  spawn(env: Readonly<Record<string, string>> = {}): Service {
    const service = spawnService({
      entry: join(import.meta.dirname, '../src/main.ts'),
      env: {
        ...this.#env,
        MILLRACE_PIPELINES: this.#work,
        MILLRACE_INSTANCE: this.name,
        MILLRACE_WORK: this.#work,
        HTTP_HOST: '127.0.0.1',
        HTTP_PORT: '0',
        ...env,
      },
    });
    this.#running.push(service);
    return service;
  }

  async raw(pipeline = this.pipeline): Promise<RawRecord[]> {
    const type = streamType(streamSchema(pipeline, 'raw', pipeline.record.fields));
    const rows: RawRecord[] = [];
    await this.#each(topics.raw(pipeline), pipeline.partitions, (record) => {
      const value = { ...(type.fromBuffer(Buffer.from(record.value ?? []).subarray(5)) as RecordValue) };
      rows.push({
        key: record.key?.toString() ?? '',
        mark: record.header('m')?.toString() ?? '',
        fileTime: record.header('t')?.toString() ?? '',
        value,
      });
    });
    return rows;
  }

  /** Marks of a load in row order: what must be there once each. */
  async marks(loadId: string): Promise<string[]> {
    const raw = await this.raw();
    const marks = raw.map((row) => row.mark).filter((mark) => mark.startsWith(`${loadId}:`));
    return marks.sort((x, y) => rowOf(x) - rowOf(y));
  }

  deadLetters(): Promise<DeadLetter[]> {
    return this.#own<DeadLetter>(
      topics.deadLetters(this.pipeline),
      this.pipeline.partitions,
      DEAD_LETTER_SCHEMA,
    );
  }

  /** The source's side of each load's account, by path and version. */
  async loads(): Promise<LoadAccount[]> {
    const latest = new Map<string, LedgerEntry>();
    const all = await this.#own<LedgerEntry>(LEDGER_TOPIC, LEDGER_DEFINITION.partitions, LEDGER_ENTRY_SCHEMA);
    for (const entry of all) if (entry.pipeline === this.name) latest.set(ledgerKey(entry), entry);
    const loads = reconcile(latest.values(), () => []);
    return loads.sort((x, y) => x.path.localeCompare(y.path) || x.version - y.version);
  }

  /** Waits until this many loads have ended. */
  async ended(count: number, deadlineMs = 60_000): Promise<LoadAccount[]> {
    return waitFor(
      async () => {
        const loads = await this.loads();
        const ended = loads.filter((load) => load.sourceState !== 'open');
        return ended.length >= count && ended.length === loads.length ? loads : null;
      },
      { what: `${count} loads of ${this.name} to end`, deadlineMs, pollMs: 100 },
    );
  }

  async replay(task: Task): Promise<void> {
    const encoder = await createWireEncoder(this.#registry(), topics.tasks(this.pipeline), TASK_SCHEMA);
    const outbox = this.kafka.newOutbox();
    const key = Buffer.from(`${task.source}/${task.path}`);
    outbox.add(
      topics.tasks(this.pipeline),
      partitionFor(key, this.pipeline.partitions),
      key,
      encoder.encode(task),
    );
    await this.kafka.produce(outbox, FOREVER);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const running of this.#running) await running[Symbol.asyncDispose]();
    await this.kafka.close();
    await rm(this.#work, { recursive: true, force: true });
    await rm(this.folder, { recursive: true, force: true });
  }

  #registry(): ReturnType<typeof createSchemaRegistry> {
    return createSchemaRegistry({ url: this.#env.SCHEMA_REGISTRY_URL ?? '' }, { clock: systemClock });
  }

  async #own<T>(topic: string, partitions: number, schema: object): Promise<T[]> {
    const type = ownType(schema);
    const values: T[] = [];
    await this.#each(topic, partitions, (record) => {
      if (record.value !== null) values.push(type.fromBuffer(Buffer.from(record.value.subarray(5))) as T);
    });
    return values;
  }

  async #each(topic: string, partitions: number, take: (record: FetchedRecord) => void): Promise<void> {
    for (let p = 0; p < partitions; p += 1)
      for await (const batch of this.kafka.readToEnd(topic, p, { signal: FOREVER }))
        for (const record of batch.records) take(record);
  }
}

function rowOf(mark: string): number {
  return Number.parseInt(mark.split(':')[1] ?? '', 36);
}

async function writePipeline(
  folder: string,
  name: string,
  { archive = false, spool = false, match = 'in/*.csv' }: HarnessOptions,
  format: string,
): Promise<FilePipeline> {
  const settings = [archive ? `archive: /${name}/done` : '', spool ? 'spool: true' : ''].filter(Boolean);
  const text = YAML.replace('SETTINGS', settings.join('\n  '))
    .replaceAll('NAME', name)
    .replace('MATCH', match)
    .replace('FORMAT', format);
  await writeFile(join(folder, 'pipeline.yaml'), text);
  const { pipelines, problems } = loadPipelines(folder, inject('stack'));
  const [pipeline] = pipelines;
  if (!pipeline || !isFilePipeline(pipeline)) throw new Error(JSON.stringify(problems));
  return pipeline;
}

function connect(env: Readonly<Record<string, string>>): Promise<KafkaClient> {
  return connectKafka(
    { brokers: (env.KAFKA_BROKERS ?? '').split(','), clientId: 'ingest-test' },
    { clock: systemClock, random: Math.random, onEvent: () => undefined },
  );
}

/** `count` rows `<tag>;<time>;<n>`, behind a header. */
export function csv(count: number, from = 0): string {
  const lines = Array.from({ length: count }, (_, i) => {
    const time = new Date(1_760_000_000_000 + i * 1_000).toISOString();
    return `T${i % 50};${time};${from + i}.5\n`;
  });
  return `Tag;Time;Value\n${lines.join('')}`;
}

/** The marks that rows 1 to `count` of a load carry. */
export function marksOf(loadId: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${loadId}:${(i + 1).toString(36)}`);
}
