import type { AggregateDef } from '@millrace/config';
import { type Connection, connect } from '@millrace/postgres';
import {
  DUE_DDL,
  forgetAggregates,
  REFRESH_ANSWERS,
  refreshAggregate,
  seedAggregate,
} from '../../domain/aggregate-sql.ts';
import { agePolicy, rowLimitCut, trimCommunity } from '../../domain/community-sql.ts';
import { trimAggregate, trimSeries } from '../../domain/drop-sql.ts';
import { type Series, seriesOf, upkeepLock } from '../../domain/series.ts';
import type { Server } from '../../domain/server.ts';
import type { Dropped, Refreshed, UpkeepSession } from '../../ports.ts';
import { ensureAggregate } from './aggregate-table.ts';
import { seriesTable } from './series-table.ts';
import { readServer } from './server.ts';
import type { TimescaleSink } from './timescale-target.ts';

/** A step may read a whole table once, when an aggregate is new. */
const STATEMENT_MS = 30 * 60_000;
const LOCK_MS = 3_000;
const NOTHING: Dropped = { chunks: 0, rows: 0, before: '-infinity', more: false };

/** Opens a session beside those of the partitions, and makes the table if it is the first. */
export async function openUpkeep(sink: TimescaleSink, name: string): Promise<UpkeepSession> {
  const series = seriesOf(sink, sink.target.series);
  const connection = await connect({
    url: sink.target.url.reveal(),
    applicationName: `millrace ${name} upkeep`,
    statementTimeoutMs: STATEMENT_MS,
    // Batches queue behind a drop that waits for the series: it gives up early and comes again.
    lockTimeoutMs: LOCK_MS,
  });
  try {
    // A stopped leader must not lead for ever: a living one is never idle for that long.
    await connection.query(`SET idle_session_timeout = '60s'; ${DUE_DDL}`, 'opening the upkeep session');
    const server = await readServer(connection);
    await seriesTable(connection, sink, series, server);
    return new PostgresUpkeep(connection, series, server);
  } catch (error) {
    await connection.close();
    throw error;
  }
}

class PostgresUpkeep implements UpkeepSession {
  readonly server: Server;
  readonly #connection: Connection;
  readonly #series: Series;

  constructor(connection: Connection, series: Series, server: Server) {
    this.#connection = connection;
    this.#series = series;
    this.server = server;
  }

  async lead(): Promise<boolean> {
    const sql = `SELECT pg_try_advisory_lock(${upkeepLock(this.#series)}) AS leads`;
    const rows = await this.#connection.rows<{ leads: boolean }>(sql, [], 'asking to lead the upkeep');
    return rows[0]?.leads === true;
  }

  async prepare(): Promise<void> {
    const series = this.#series;
    for (const aggregate of series.aggregates) {
      await ensureAggregate(this.#connection, series, aggregate, this.server);
      if (this.server.kind === 'community') continue;
      await this.#connection.query(seedAggregate(series, aggregate), 'marking the buckets of an aggregate');
    }
    if (this.server.kind === 'community') {
      const policy = agePolicy(series, this.server);
      if (policy !== null) await this.#connection.query(policy, 'adding a retention policy');
    } else {
      await this.#connection.query(forgetAggregates(series), 'forgetting aggregates');
    }
  }

  async refresh(aggregate: AggregateDef): Promise<Refreshed> {
    if (this.server.kind === 'community') return { buckets: 0, late: 0, more: false };
    const sql = refreshAggregate(this.#series, aggregate);
    const answers = await this.#connection.query(sql, `refreshing ${aggregate.name}`);
    return {
      buckets: answers[REFRESH_ANSWERS.due]?.rowCount ?? 0,
      late: answers[REFRESH_ANSWERS.late]?.rowCount ?? 0,
      more: answers[REFRESH_ANSWERS.left]?.rows[0]?.left === true,
    };
  }

  async trim(): Promise<Dropped> {
    if (this.server.kind === 'community') return this.#trimCommunity();
    return this.#drop(trimSeries(this.#series, this.server), 'dropping old rows');
  }

  async trimAggregate({ name }: AggregateDef, ageMs: number): Promise<Dropped> {
    if (this.server.kind === 'community') return NOTHING;
    const table = { schema: this.#series.schema, table: name };
    return this.#drop(trimAggregate(table, ageMs, this.server), `dropping old buckets of ${name}`);
  }

  async keepAlive(): Promise<void> {
    await this.#connection.query('SELECT 1', 'keeping the upkeep session');
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #drop(sql: string, doing: string): Promise<Dropped> {
    const answer = (await this.#connection.query(sql, doing)).at(-1)?.rows[0];
    const dropped = { chunks: Number(answer?.chunks), rows: Number(answer?.rows) };
    // A step that deleted nothing one by one has nothing left below its cut.
    return { ...dropped, before: String(answer?.before), more: dropped.rows > 0 };
  }

  async #trimCommunity(): Promise<Dropped> {
    if (this.#series.retention?.rows == null) return NOTHING;
    const doing = 'dropping chunks beyond the row limit';
    const [found] = await this.#connection.rows<{ cut: string }>(rowLimitCut(this.#series), [], doing);
    if (found === undefined) return NOTHING;
    let chunks = 0;
    for (const statement of trimCommunity(this.#series, found.cut, this.server)) {
      const answer = await this.#connection.query(statement, doing);
      chunks = Number(answer.at(-1)?.rows[0]?.chunks ?? 0);
    }
    return { chunks, rows: 0, before: found.cut, more: false };
  }
}
