import type { ClaimRequest, SinkSession, SinkTarget } from '@millrace/sink-kit';
import { type SinkIdentity, sinkColumn } from './bookkeeping.ts';
import type { CatalogTable } from './catalog.ts';
import { claim } from './claim.ts';
import { type Connection, connect } from './connection.ts';
import type { OffsetPlace } from './requests.ts';
import { PostgresSession } from './session.ts';
import type { TableSpec } from './table-spec.ts';

/** As long as the ledger keeps its entries, and a little more. */
const LOADS_KEPT_DAYS = 100;

/** A table made ready for a claim. */
export interface ReadyTable {
  readonly spec: TableSpec;
  readonly table: CatalogTable;
  /** Statements that belong to each batch's transaction, see `applyRequest`. */
  readonly alongside?: readonly string[];
}

export interface TableTargetOptions {
  readonly identity: SinkIdentity;
  /** Of the table and of what Millrace keeps beside it. */
  readonly schema: string;
  /** May hold a password. Asked for at each claim. */
  readonly url: () => string;
  /** Makes and compares the table, see `provision`. */
  readonly prepare: (connection: Connection, place: OffsetPlace) => Promise<ReadyTable>;
}

/** One table of a PostgreSQL database: a session for each partition, opened by its claim. */
export class TableTarget implements SinkTarget {
  readonly #options: TableTargetOptions;

  constructor(options: TableTargetOptions) {
    this.#options = options;
  }

  /** Compares the table at each claim, so that a sink which paused for it goes on by itself once it was mended. */
  async claim(request: ClaimRequest, signal: AbortSignal): Promise<SinkSession> {
    const { identity, schema, url, prepare } = this.#options;
    const { topic, partition } = request;
    const sink = sinkColumn(identity);
    signal.throwIfAborted();
    const connection = await connect({ url: url(), applicationName: `millrace ${sink} ${partition}` });
    try {
      const place = { schema, sink, topic, partition };
      const ready = await prepare(connection, place);
      signal.throwIfAborted();
      const claimed = await claim(connection, { ...request, ...place });
      const session = await PostgresSession.open(connection, { ...ready, place, claimed });
      await session.forgetOldLoads(LOADS_KEPT_DAYS);
      return session;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }
}
