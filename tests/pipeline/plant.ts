import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LoadAccount, type PipelineId, pipelineTopics, topics } from '@millrace/contracts';
import type { KafkaClient } from '@millrace/kafka';
import { type Service, type ServiceOptions, spawnService, waitFor } from '@millrace/testkit';
import pg from 'pg';
import { type Ledger, openLedger } from './ledger.ts';

const ROOT = join(import.meta.dirname, '../..');
const SERVICES = ['ingest-sftp', 'transformer', 'sql-sink'] as const;
export type ServiceName = (typeof SERVICES)[number];

/** One reading of an export file. */
export interface Row {
  readonly tag: string;
  /** Seconds since the epoch; the exports name whole seconds. */
  readonly second: number;
  readonly value: number | string;
}

export interface PlantOptions {
  /** The stack's environment, see tests/global-setup.ts. */
  readonly env: Readonly<Record<string, string>>;
  readonly partitions?: number;
  /** Replaces the text of the pipeline file; `NAME`, `FOLDER`, `ARCHIVE` and `TABLE` are filled in. */
  readonly pipeline?: string;
}

/**
 * One pipeline of its own on the shared stack: folder, topics, table and instance are named after it. Services run
 * as processes, as they do in production.
 */
export class Plant implements AsyncDisposable {
  readonly name: string;
  readonly table: string;
  readonly id: PipelineId;
  readonly pipelines: string;
  /** Where exports are dropped, on disk. */
  readonly exports: string;
  readonly services: Service[] = [];
  /** Set when the test is over: nothing is started again. */
  disposed = false;
  readonly db: pg.Pool;
  readonly #options: PlantOptions;
  readonly #work: string;
  readonly #ledger: Ledger;

  private constructor(options: PlantOptions, name: string, work: string, ledger: Ledger) {
    this.#options = options;
    this.#work = work;
    this.#ledger = ledger;
    this.name = name;
    this.table = `tag_${name}`;
    this.id = { name, generation: 1 };
    this.pipelines = join(work, 'pipelines');
    this.exports = join(this.#env('SFTP_ROOT'), name, 'exports');
    this.db = new pg.Pool({ connectionString: this.#env('DATABASE_URL'), max: 2 });
    // The database is restarted under some tests: an idle connection's end is no news.
    this.db.on('error', () => undefined);
  }

  static async create(options: PlantOptions): Promise<Plant> {
    const name = `p${randomBytes(4).toString('hex')}`;
    const work = await mkdtemp(join(tmpdir(), `millrace-${name}-`));
    const plant = new Plant(options, name, work, await openLedger(options.env, name));
    await mkdir(plant.exports, { recursive: true });
    await mkdir(plant.pipelines);
    await plant.writePipeline(options.pipeline ?? PIPELINE);
    return plant;
  }

  async writePipeline(text: string): Promise<void> {
    const filled = text
      .replaceAll('NAME', this.name)
      .replaceAll('FOLDER', `/${this.name}/exports`)
      .replaceAll('ARCHIVE', `/${this.name}/archive`)
      .replaceAll('TABLE', this.table)
      .replaceAll('PARTITIONS', String(this.#options.partitions ?? 4));
    await writeFile(join(this.pipelines, 'pipeline.yaml'), filled);
  }

  /** Writes a whole export under another name first, as careful systems do. */
  async deliver(file: string, rows: readonly Row[], mtime?: Date): Promise<void> {
    await this.deliverText(file, exportText(rows), mtime);
  }

  async deliverText(file: string, text: string | Buffer, mtime?: Date): Promise<void> {
    const part = join(this.exports, `${file}.part`);
    await writeFile(part, text);
    if (mtime) await utimes(part, mtime, mtime);
    await rename(part, join(this.exports, file));
  }

  start(service: ServiceName, env: ServiceOptions['env'] = {}): Service {
    const started = spawnService({
      entry: join(ROOT, 'services', service, 'dist/main.js'),
      env: {
        ...this.#options.env,
        MILLRACE_PIPELINES: this.pipelines,
        MILLRACE_INSTANCE: this.name,
        MILLRACE_WORK: this.#work,
        HTTP_HOST: '127.0.0.1',
        HTTP_PORT: '0',
        ...env,
      },
    });
    this.services.push(started);
    return started;
  }

  startAll(): Record<ServiceName, Service> {
    return {
      'ingest-sftp': this.start('ingest-sftp'),
      transformer: this.start('transformer'),
      'sql-sink': this.start('sql-sink'),
    };
  }

  /** Runs the `millrace` command as a user would. */
  async millrace(
    ...args: readonly string[]
  ): Promise<{ code: number | null; output: string; json: () => unknown }> {
    const run = spawnService({
      entry: join(ROOT, 'cli/bin/millrace.js'),
      args,
      env: { ...this.#options.env, MILLRACE_PIPELINES: this.pipelines, MILLRACE_INSTANCE: this.name },
    });
    const { code } = await run.exited;
    const output = run.logs
      .map((line) =>
        'msg' in line && Object.keys(line).length === 1 ? String(line.msg) : JSON.stringify(line),
      )
      .join('\n');
    return { code, output, json: () => JSON.parse(output) };
  }

  /** The account of every load so far. */
  loads(): Promise<LoadAccount[]> {
    return this.#ledger.loads([{ name: 'tagdata', output: 'clean' }]);
  }

  /** Waits until `count` loads are known and none is open, and returns them. */
  async settled(count: number, deadlineMs = 120_000): Promise<LoadAccount[]> {
    let last: LoadAccount[] = [];
    try {
      return await waitFor(
        async () => {
          last = await this.loads();
          return last.length >= count && last.every((load) => load.state !== 'open') ? last : null;
        },
        { what: `${count} loads of ${this.name} to settle`, deadlineMs, pollMs: 200 },
      );
    } catch (error) {
      const states = last.map((load) => `${load.path}: ${load.state} ${load.differences.join('; ')}`);
      throw new Error(
        `${error instanceof Error ? error.message : error}\n${states.join('\n')}\n${this.#tails()}`,
      );
    }
  }

  /** What the table holds, as `tag@second` → value. */
  async rows(): Promise<Map<string, number>> {
    const { rows } = await this.db.query(
      `SELECT "TagName" AS tag, extract(epoch FROM "Timestamp")::bigint::text AS second, "Value" AS value FROM "${this.table}"`,
    );
    return new Map(rows.map((row) => [`${row.tag}@${row.second}`, Number(row.value)]));
  }

  /** One number for the whole table, lineage included. */
  async checksum(): Promise<string> {
    const { rows } = await this.db.query(
      `SELECT count(*) || ':' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) AS sum FROM "${this.table}" t`,
    );
    return rows[0].sum;
  }

  topic(kind: 'raw' | 'clean' | 'deadLetters'): string {
    if (kind === 'clean') return topics.output(this.id, 'clean');
    return kind === 'raw' ? topics.raw(this.id) : topics.deadLetters(this.id);
  }

  get kafka(): KafkaClient {
    return this.#ledger.kafka;
  }

  /** Everything that the pipeline's topics hold, as text: one string a record. */
  async topicTexts(): Promise<string[]> {
    const definitions = pipelineTopics({
      ...this.id,
      partitions: this.#options.partitions ?? 4,
      retentionMs: 1,
      outputs: ['clean'],
    });
    const texts: string[] = [];
    for (const { name, partitions } of definitions)
      for (let partition = 0; partition < partitions; partition += 1)
        for await (const batch of this.kafka.readToEnd(name, partition, {
          signal: AbortSignal.timeout(20_000),
        }))
          for (const record of batch.records) texts.push(`${record.key ?? ''} ${record.value ?? ''}`);
    return texts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
    for (const service of this.services) await service[Symbol.asyncDispose]();
    await this.db.end();
    await this.#ledger.close();
    await rm(this.#work, { recursive: true, force: true });
    await rm(join(this.#env('SFTP_ROOT'), this.name), { recursive: true, force: true });
  }

  #env(name: string): string {
    const value = this.#options.env[name];
    if (value === undefined) throw new Error(`the stack's environment has no ${name}`);
    return value;
  }

  #tails(): string {
    return this.services
      .map((service) =>
        service.logs
          .slice(-8)
          .map((line) => JSON.stringify(line).slice(0, 400))
          .join('\n'),
      )
      .join('\n--\n');
  }
}

export function exportText(rows: readonly Row[]): string {
  const lines = rows.map((row) => `${row.tag};${new Date(row.second * 1_000).toISOString()};${row.value}\n`);
  return `TagName;Timestamp;Value\n${lines.join('')}`;
}

/** `count` readings of `tags` tags, one a second each, values that tell where they come from. */
export function readings(
  count: number,
  options: { readonly tags?: number; readonly from?: number; readonly offset?: number } = {},
): Row[] {
  const { tags = 20, from = 1_760_000_000, offset = 0 } = options;
  return Array.from({ length: count }, (_, i) => ({
    tag: `Line${i % tags}.Temp`,
    second: from + Math.floor(i / tags),
    value: i + offset + 0.25,
  }));
}

/** What the table must hold: first of each key, bad values left out. */
export function expectedRows(...files: readonly (readonly Row[])[]): Map<string, number> {
  const expected = new Map<string, number>();
  for (const row of files.flat()) {
    const key = `${row.tag}@${row.second}`;
    if (typeof row.value === 'number' && !expected.has(key)) expected.set(key, row.value);
  }
  return expected;
}

export const PIPELINE = `
pipeline: NAME
partitions: PARTITIONS
source:
  sftp: { host: "\${SFTP_HOST}", port: "\${SFTP_PORT}", user: "\${SFTP_USER}", password: "\${SFTP_PASSWORD}", hostKey: "\${SFTP_HOST_KEY}" }
  poll: 300ms
  stableFor: 300ms
  archive: ARCHIVE
  files:
    - match: FOLDER/*.csv
      csv: { delimiter: ";", timestamp: iso, zone: UTC }
record:
  key: [tagName]
  fields:
    tagName: { type: string, from: TagName }
    timestamp: { type: timestamp, from: Timestamp }
    value: { type: float64, from: Value }
transform:
  rules:
    - reject: VALUE-OUT-OF-RANGE
      when: value > 1.0e9
      message: a value above 1e9 is a broken sensor
  dedupe: { key: [tagName, timestamp], window: 7d }
sinks:
  tagdata:
    postgres: { url: "\${DATABASE_URL}" }
    from: clean
    table: TABLE
    merge: { key: [TagName, Timestamp], version: [] }
    columns: { ID: identity, TagName: tagName, Timestamp: timestamp, Value: value, ImportDate: insertTime }
`;
