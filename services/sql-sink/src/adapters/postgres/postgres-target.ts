import type { SinkDef } from '@millrace/config';
import {
  claim,
  connect,
  PostgresSession,
  provision,
  type SinkIdentity,
  sinkColumn,
} from '@millrace/postgres';
import type { ClaimRequest, SinkSession, SinkTarget } from '@millrace/sink-kit';

/** As long as the ledger keeps its entries, and a little more. */
const LOADS_KEPT_DAYS = 100;

/** One table of a PostgreSQL database: a session for each partition, opened by its claim. */
export class PostgresTarget implements SinkTarget {
  readonly #sink: SinkDef;
  readonly #identity: SinkIdentity;

  constructor(sink: SinkDef, identity: SinkIdentity) {
    this.#sink = sink;
    this.#identity = identity;
  }

  /** Compares the table at each claim, so that a sink which paused for it goes on by itself once it was mended. */
  async claim(request: ClaimRequest, signal: AbortSignal): Promise<SinkSession> {
    const sink = this.#sink;
    const { topic, partition } = request;
    const column = sinkColumn(this.#identity);
    signal.throwIfAborted();
    const connection = await connect({
      url: sink.target.url.reveal(),
      applicationName: `millrace ${column} ${partition}`,
    });
    try {
      const table = await provision(connection, sink, { createTable: sink.createTable });
      signal.throwIfAborted();
      const place = { schema: sink.schema, sink: column, topic, partition };
      const claimed = await claim(connection, { ...request, ...place });
      const session = await PostgresSession.open(connection, { spec: sink, table, place, claimed });
      await session.forgetOldLoads(LOADS_KEPT_DAYS);
      return session;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }
}
