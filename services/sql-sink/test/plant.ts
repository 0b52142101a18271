import { join } from 'node:path';
import type { Pipeline, SinkDef } from '@millrace/config';
import { reconcile, topics } from '@millrace/contracts';
import { countRow, emptyTally, formatTally, loadSeed } from '@millrace/core';
import { type Connection, quoteIdent, rewind, rewindPlan, sinkColumn } from '@millrace/postgres';
import { type Service, spawnService, waitFor } from '@millrace/testkit';
import { open } from '../../../libs/postgres/test/table-harness.ts';
import { historianSink, pipelineOf } from './fixtures.ts';
import { Harness, type OutputRow, type StackAddresses } from './harness.ts';

let plants = 0;

export interface PlantAddresses extends StackAddresses {
  readonly databaseUrl: string;
}

/** One pipeline with a topic and a table of its own, on the shared stack. */
export class SinkPlant implements AsyncDisposable {
  readonly harness: Harness;
  readonly pipeline: Pipeline;
  readonly sink: SinkDef;
  readonly schema: string;
  readonly #addresses: PlantAddresses;
  #admin: Connection;

  private constructor(
    harness: Harness,
    admin: Connection,
    addresses: PlantAddresses,
    over: Partial<SinkDef>,
  ) {
    plants += 1;
    this.schema = over.schema ?? `sunk_${process.pid}_${plants}`;
    this.harness = harness;
    this.#addresses = addresses;
    this.#admin = admin;
    this.sink = historianSink(addresses.databaseUrl, this.schema, over);
    this.pipeline = pipelineOf(`sunk-${process.pid}-${plants}`, 2, [this.sink]);
  }

  static async create(addresses: PlantAddresses, over: Partial<SinkDef> = {}): Promise<SinkPlant> {
    const harness = await Harness.start(addresses);
    const plant = new SinkPlant(harness, await open(addresses.databaseUrl), addresses, over);
    await harness.create(plant.pipeline);
    return plant;
  }

  run() {
    return this.harness.run(this.pipeline, this.sink);
  }

  spawn(env: Readonly<Record<string, string>> = {}): Service {
    const { name, partitions } = this.pipeline;
    const { brokers, registryUrl, databaseUrl } = this.#addresses;
    return spawnService({
      entry: join(import.meta.dirname, 'sink-process.ts'),
      args: [JSON.stringify({ name, partitions, schema: this.schema })],
      env: { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registryUrl, DATABASE_URL: databaseUrl, ...env },
    });
  }

  async publish(rows: Iterable<OutputRow>): Promise<void> {
    await this.harness.publish(this.pipeline, rows);
  }

  /** After the database was away. */
  async reconnect(): Promise<void> {
    await this.#admin.close();
    this.#admin = await open(this.#addresses.databaseUrl);
  }

  async query<Row extends Record<string, unknown>>(sql: string): Promise<Row[]> {
    return this.#admin.rows<Row>(sql.replaceAll('%', `${quoteIdent(this.schema)}.`), [], 'test');
  }

  /** Number of rows and a digest over all their values but the ones that the database makes. */
  async table(): Promise<{ rows: number; digest: string }> {
    const [found] = await this.query<{ rows: number; digest: string }>(
      `SELECT count(*)::int AS rows, coalesce(md5(string_agg(t::text, ';' ORDER BY "TagName", "Timestamp")), '') AS digest
       FROM (SELECT "TagName", "Timestamp", "Value", "Note", millrace_file_time, millrace_load, millrace_row, "ImportDate" FROM %"TagData") AS t`,
    );
    return found ?? { rows: 0, digest: '' };
  }

  #place() {
    return {
      schema: this.schema,
      sink: sinkColumn({ instance: 'test', pipeline: this.pipeline.name, sink: this.sink.name }),
      topic: topics.output(this.pipeline, 'clean'),
    };
  }

  /** Next offset by partition, as the target has it; empty before the sink first ran. */
  async positions(): Promise<Map<number, number>> {
    const exists = await this.query<{ found: string | null }>(
      `SELECT to_regclass('${this.schema}.millrace_offset')::text AS found`,
    );
    if (exists[0]?.found == null) return new Map();
    const plan = await rewindPlan(this.#admin, this.#place(), Number.MAX_SAFE_INTEGER);
    return new Map(plan.map((step) => [step.partition, step.next]));
  }

  async rewind(to: number): Promise<readonly number[]> {
    return rewind(this.#admin, this.#place(), await rewindPlan(this.#admin, this.#place(), to));
  }

  caughtUp(deadlineMs?: number): Promise<void> {
    return this.harness.caughtUp(this.pipeline, () => this.positions(), deadlineMs);
  }

  /**
   * Reconciles the sink's entries with what a source and a transformer would have said of `rows` published rows of
   * each load. Waits until no account is open any more: the ledger follows the target by a moment.
   */
  async settled(loads: Readonly<Record<string, number>>) {
    const { name } = this.pipeline;
    return waitFor(
      async () => {
        const entries = [
          ...(await this.harness.ledger(this.pipeline)),
          ...Object.entries(loads).map(([loadId, rows]) => upstream(name, loadId, rows)),
        ];
        const accounts = reconcile(entries, () => [{ name: this.sink.name, output: 'clean' }]);
        return (
          accounts.every((account) => account.state !== 'open') &&
          accounts.sort((x, y) => (x.loadId < y.loadId ? -1 : 1))
        );
      },
      { what: 'all loads to reconcile', deadlineMs: 20_000 },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#admin.close();
    await this.harness.stop();
  }
}

function upstream(pipeline: string, loadId: string, rows: number) {
  const all = emptyTally();
  for (let row = 1; row <= rows; row += 1) countRow(all, loadSeed(loadId), row);
  const none = formatTally(emptyTally());
  const tally = formatTally(all);
  return {
    pipeline,
    loadId,
    stage: 'ingest',
    partition: 0,
    part: 0,
    at: 0,
    ingest: {
      source: 's',
      path: 'p',
      size: 1,
      mtimeMs: 1,
      version: 1,
      state: 'published',
      rows: tally,
      published: tally,
      rejected: none,
      resolved: none,
      sha256: null,
      reason: null,
    },
    transform: {
      accepted: tally,
      duplicates: none,
      filtered: none,
      rejected: none,
      resolved: none,
      emitted: { clean: { tally, first: {} } },
    },
    sink: null,
    sinkStart: null,
  };
}

/** `n` rows of a load: tags and times of their own unless `first` makes loads overlap. */
export function* readings(
  load: string,
  n: number,
  over: (row: number) => Partial<OutputRow['value']> = () => ({}),
  options: { readonly first?: number; readonly fileTime?: number } = {},
): Generator<OutputRow> {
  const { first = 0, fileTime = 1_000 } = options;
  for (let row = 1; row <= n; row += 1) {
    const time = 1_700_000_000_000_000 + (first + row) * 1_000_000;
    // A record whose fields come from `over` still has all of them.
    const value = {
      tag: `TI-${row % 50}`,
      time,
      value: row / 7,
      note: null,
      ...over(row),
    } as OutputRow['value'];
    yield { load, row, fileTime, value };
  }
}
