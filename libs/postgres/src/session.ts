import { MillraceError, type Reason, type RecordValue } from '@millrace/core';
import pg from 'pg';
import type { CatalogTable } from './catalog.ts';
import { rowCheck } from './check.ts';
import type { Claimed } from './claim.ts';
import type { Connection } from './connection.ts';
import { createCopyEncoder, type StagedRow } from './copy-encoder.ts';
import { classify, reasonFor, SQLSTATE_PROBED } from './errors.ts';
import { quoteIdent } from './quote.ts';
import {
  applyRequest,
  atPlace,
  type Delta,
  type OffsetPlace,
  probeRequest,
  selectLoads,
  skipRequest,
} from './requests.ts';
import { copyToStage, stageDdl } from './staging.ts';
import { fieldColumns, type TableSpec } from './table-spec.ts';

/** The account of one load in one partition, as `millrace_load` has it. */
export interface LoadAccountRow extends Delta {
  readonly part: number;
  readonly inserted: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly superseded: number;
  readonly throughOffset: number;
}

export interface Step {
  readonly from: number;
  readonly to: number;
  readonly ledgerThrough: number;
}

export interface CountedStep extends Step {
  readonly counting: 'normal' | 'resolved' | 'uncounted';
  readonly loads: readonly Delta[];
}

export interface SessionOptions {
  readonly spec: TableSpec;
  readonly table: CatalogTable;
  readonly place: OffsetPlace;
  readonly claimed: Claimed;
  /** See `applyRequest`. */
  readonly alongside?: readonly string[];
}

/** The answer to a look at one row. */
const CONFIRM_MS = 5_000;

/** A claimed partition: stages, applies, probes. Works for any table that ON CONFLICT works for. */
export class PostgresSession {
  readonly position: Claimed;
  readonly check: (value: RecordValue) => Reason | null;
  readonly #connection: Connection;
  readonly #options: SessionOptions;
  readonly #encode: (rows: readonly StagedRow[]) => Buffer;

  private constructor(connection: Connection, options: SessionOptions) {
    this.#connection = connection;
    this.#options = options;
    this.position = options.claimed;
    this.check = rowCheck(options.spec);
    this.#encode = createCopyEncoder(fieldColumns(options.spec));
  }

  /** Makes the stage. The connection is the session's from here on. */
  static async open(connection: Connection, options: SessionOptions): Promise<PostgresSession> {
    await connection.query(stageDdl(options.spec), 'creating the staging table');
    return new PostgresSession(connection, options);
  }

  async unpublished(): Promise<readonly LoadAccountRow[]> {
    const { place, claimed } = this.#options;
    const sql = `${selectLoads(place)} AND through_offset > ${claimed.ledgerThrough}`;
    return accountsOf(await this.#connection.query(sql, 'reading the counts of loads'));
  }

  /** Accounts of loads that nothing has touched for as long as the ledger keeps them. */
  async forgetOldLoads(olderThanDays: number): Promise<void> {
    const { place, claimed } = this.#options;
    await this.#connection.query(
      `DELETE FROM ${quoteIdent(place.schema)}.millrace_load WHERE ${atPlace(place)}
       AND through_offset <= ${claimed.ledgerThrough} AND updated_at < now() - interval '${Math.trunc(olderThanDays)} days'`,
      'forgetting old loads',
    );
  }

  async stage(rows: readonly StagedRow[]): Promise<void> {
    await copyToStage(this.#connection, this.#encode(rows), rows.length);
  }

  async apply(step: CountedStep): Promise<readonly LoadAccountRow[]> {
    const { spec, table, place, claimed } = this.#options;
    const move = { ...step, token: claimed.token };
    const { alongside } = this.#options;
    const sql = applyRequest(spec, table, place, move, step.counting, step.loads, alongside);
    return accountsOf(await this.#inTransaction(sql, 'applying a batch'));
  }

  /** @throws MillraceError `fenced` when another session has the partition or `next` was moved */
  async confirm(next: number): Promise<void> {
    const { place, claimed } = this.#options;
    const found = await this.#connection.rows(
      `SELECT FROM ${quoteIdent(place.schema)}.millrace_offset
       WHERE ${atPlace(place)} AND fencing_token = $1 AND next = $2`,
      [claimed.token, next],
      'looking at the position',
      CONFIRM_MS,
    );
    if (found.length === 1) return;
    throw new MillraceError({
      kind: 'fenced',
      code: 'MR-PG-FENCED',
      message: `partition ${place.partition} of ${place.sink} has another owner or was rewound`,
      remedy: 'Nothing to do: it is claimed again if it is still ours.',
    });
  }

  async skip(step: Step): Promise<void> {
    const { place, claimed } = this.#options;
    await this.#inTransaction(skipRequest(place, { ...step, token: claimed.token }), 'moving the position');
  }

  async probe(limit: number): Promise<readonly { ord: number; reason: Reason }[]> {
    const { spec, table } = this.#options;
    const sql = probeRequest(spec, table, Math.trunc(limit));
    const found = await this.#connection.client.query(sql).then(
      () => null,
      (error: unknown) => error,
    );
    if (found instanceof pg.DatabaseError && found.code === SQLSTATE_PROBED) {
      return parseProbe(found.detail ?? '[]').map((bad) => ({
        ord: bad.ord,
        reason: this.#reasonOf(bad),
      }));
    }
    throw found === null ? bug('a probe ended without its list') : classify(found, 'probing a batch');
  }

  async recordGap(from: number, to: number): Promise<void> {
    const { schema, sink, topic, partition } = this.#options.place;
    await this.#connection.rows(
      `INSERT INTO ${quoteIdent(schema)}.millrace_gap (sink, topic, partition, from_offset, to_offset)
       VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
      [sink, topic, partition, from, to],
      'recording a gap',
    );
  }

  release(): Promise<void> {
    return this.#connection.close();
  }

  /** A request that failed between BEGIN and COMMIT leaves the session inside of its failed transaction. */
  async #inTransaction(sql: string, doing: string): Promise<readonly pg.QueryResult[]> {
    try {
      return await this.#connection.query(sql, doing);
    } catch (error) {
      if (error instanceof MillraceError && error.kind === 'data') {
        await this.#connection.query('ROLLBACK', doing);
      }
      throw error;
    }
  }

  /** The server names no column when a text is too long, only the type: enough when one column has it. */
  #reasonOf(bad: Bad): Reason {
    const { code, message } = reasonFor(bad.state, bad);
    const { spec, table } = this.#options;
    const column = fieldColumns(spec).filter(({ name }) => {
      const type = table.columns.get(name)?.type;
      return name === bad.column || (bad.column === '' && type !== undefined && bad.message.endsWith(type));
    });
    const only = column.length === 1 ? column[0] : undefined;
    return only === undefined
      ? { code, message }
      : {
          code,
          message: message.includes(only.name) ? message : `${message}, column ${only.name}`,
          field: only.field,
        };
  }
}

interface Bad {
  readonly ord: number;
  readonly state: string;
  readonly message: string;
  readonly column: string;
  readonly constraint: string;
}

/** Our own statement wrote it. */
function parseProbe(detail: string): readonly Bad[] {
  return JSON.parse(detail) as readonly Bad[];
}

function bug(message: string): MillraceError {
  return new MillraceError({ kind: 'bug', code: 'MR-PG-PROBE', message });
}

function accountsOf(results: readonly pg.QueryResult[]): readonly LoadAccountRow[] {
  const rows: readonly Record<string, string>[] = results.at(-1)?.rows ?? [];
  return rows.map((row) => {
    const number = (name: string): number => Number(row[name]);
    const tally = (name: string) => ({
      n: number(`${name}_n`),
      a: number(`${name}_a`),
      b: number(`${name}_b`),
    });
    return {
      loadId: row.load_id ?? '',
      part: number('part'),
      applied: tally('applied'),
      rejected: tally('rejected'),
      resolved: tally('resolved'),
      inserted: number('inserted'),
      updated: number('updated'),
      unchanged: number('unchanged'),
      superseded: number('superseded'),
      throughOffset: number('through_offset'),
    };
  });
}
