import { type AggregateDef, Secret, type TimeSeriesDef } from '@millrace/config';
import { type Connection, quoteIdent } from '@millrace/postgres';
import type { SinkSession } from '@millrace/sink-kit';
import { open } from '../../../libs/postgres/test/table-harness.ts';
import { write } from '../../../libs/sink-kit/test/contract-parts.ts';
import { type TimescaleSink, timescaleTarget } from '../src/adapters/timescale/timescale-target.ts';
import { openUpkeep } from '../src/adapters/timescale/upkeep-session.ts';
import type { Server } from '../src/domain/server.ts';
import type { UpkeepSession } from '../src/ports.ts';

export interface Reading {
  readonly tag: string;
  /** Seconds since the begin of the plant's time. */
  readonly at: number;
  readonly value: number | null;
}

export const BEGIN = Date.UTC(2026, 0, 5) / 1_000;
const LOAD = '0123456789abcdef';

export function aggregate(name: string, overMs: number, over: Partial<AggregateDef> = {}): AggregateDef {
  return {
    name,
    everyMs: overMs,
    overMs,
    by: ['tag "n"'],
    select: [
      { name: 'avg', fn: 'avg', of: 'Value' },
      { name: 'n', fn: 'count', of: null },
      { name: 'some', fn: 'count', of: 'Value' },
      { name: 'low', fn: 'min', of: 'Value' },
      { name: 'high', fn: 'max', of: 'Value' },
      { name: 'total', fn: 'sum', of: 'Value' },
      { name: 'begin', fn: 'first', of: 'Value' },
      { name: 'end', fn: 'last', of: 'Value' },
    ],
    retentionMs: null,
    ...over,
  };
}

let plants = 0;

/** A series in a schema of its own, with names that need quoting. */
export class SeriesPlant implements AsyncDisposable {
  readonly schema: string;
  readonly admin: Connection;
  readonly url: string;
  sink: TimescaleSink;
  readonly servers: Server[] = [];
  readonly #sessions: { session: SinkSession; next: number }[] = [];
  readonly #upkeeps: UpkeepSession[] = [];
  #fileTime = 1_000;

  private constructor(url: string, admin: Connection, series: Partial<TimeSeriesDef>) {
    plants += 1;
    this.url = url;
    this.admin = admin;
    this.schema = `series "${plants}"`;
    this.sink = sinkOf(url, this.schema, {
      time: 'Time',
      chunkMs: 60_000,
      retention: null,
      aggregates: [],
      ...series,
    });
  }

  static async create(url: string, series: Partial<TimeSeriesDef> = {}): Promise<SeriesPlant> {
    return new SeriesPlant(url, await open(url), series);
  }

  redefine(series: Partial<TimeSeriesDef>): void {
    this.sink = sinkOf(this.url, this.schema, { ...this.sink.target.series, ...series });
  }

  claim(partition: number): Promise<SinkSession> {
    const identity = { instance: 'test', pipeline: 'plant', sink: 'series' };
    const target = timescaleTarget(this.sink, identity, (server) => this.servers.push(server));
    const request = { topic: 't', partition, owner: 'test', clusterId: 'c', layoutHash: 'l', logStart: 0 };
    return target.claim(request, new AbortController().signal);
  }

  async upkeep(): Promise<UpkeepSession> {
    const session = await openUpkeep(this.sink, 'test');
    this.#upkeeps.push(session);
    return session;
  }

  /** One batch through a partition's session; what is written later is the higher version. Its counts. */
  async write(readings: readonly Reading[], partition = 0) {
    const known = this.#sessions[partition];
    const at = known ?? { session: await this.claim(partition), next: 0 };
    this.#sessions[partition] = at;
    this.#fileTime += 1;
    const rows = readings.map(({ tag, at: seconds, value }, ord) => ({
      ord,
      offset: at.next + ord,
      loadId: LOAD,
      row: at.next + ord + 1,
      fileTime: this.#fileTime,
      value: { tag, time: (BEGIN + seconds) * 1_000_000, value },
    }));
    const to = at.next + rows.length;
    const [counts] = await write(at.session, rows, { from: at.next, to });
    at.next = to;
    return counts;
  }

  async query<Row extends Record<string, unknown>>(sql: string): Promise<Row[]> {
    return this.admin.rows<Row>(sql.replaceAll('%', `${quoteIdent(this.schema)}.`), [], 'test');
  }

  async count(table = 'Tag Data'): Promise<number> {
    const [found] = await this.query<{ n: number }>(`SELECT count(*)::int AS n FROM %${quoteIdent(table)}`);
    return found?.n ?? -1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#sessions) await one?.session.release();
    for (const one of this.#upkeeps) await one.close();
    await this.admin.close();
  }
}

function sinkOf(url: string, schema: string, series: TimeSeriesDef): TimescaleSink {
  return {
    name: 'series',
    target: { kind: 'timescale', url: new Secret(url), series },
    output: 'clean',
    schema,
    table: 'Tag Data',
    write: { mode: 'merge', key: ['tag "n"', 'Time'], version: [] },
    columns: [
      { kind: 'identity', name: 'id' },
      {
        kind: 'field',
        name: 'Time',
        field: 'time',
        type: { kind: 'timestamp' },
        optional: false,
        sqlType: null,
      },
      {
        kind: 'field',
        name: 'tag "n"',
        field: 'tag',
        type: { kind: 'string' },
        optional: false,
        sqlType: null,
      },
      {
        kind: 'field',
        name: 'Value',
        field: 'value',
        type: { kind: 'float64' },
        optional: true,
        sqlType: null,
      },
    ],
    indexes: [],
    createTable: true,
    batchRecordsMax: 10_000,
    badRows: { max: 50, percent: 5 },
    onTruncation: 'halt',
    layoutHash: 'l',
  };
}

/** Brings an aggregate up to date; the buckets that were too late. */
export async function refreshAll(upkeep: UpkeepSession, one: AggregateDef): Promise<number> {
  for (let late = 0; ; ) {
    const done = await upkeep.refresh(one);
    late += done.late;
    if (!done.more) return late;
  }
}
