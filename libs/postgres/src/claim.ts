import { MillraceError } from '@millrace/core';
import type { Connection } from './connection.ts';
import { quoteIdent } from './quote.ts';
import { atPlace, type OffsetPlace } from './requests.ts';

export interface ClaimOptions extends OffsetPlace {
  readonly owner: string;
  readonly clusterId: string;
  /** Of what must not change while the sink keeps its position. */
  readonly layoutHash: string;
  readonly logStart: number;
  /** How long the holder of the row's lock may finish before its session is ended. Default 3 s. */
  readonly patienceMs?: number;
}

/** What a claim found, under the token that it took. Offsets and token as the database's text, in its order. */
export interface Claimed {
  readonly token: string;
  readonly next: number;
  readonly countedThrough: number;
  readonly startOffset: number;
  readonly ledgerThrough: number;
}

const ATTEMPTS = 3;

/**
 * Raises the fencing token: whoever had it can change nothing from here on. Waits for a transaction that is under
 * way; when that takes too long, ends the session of the recorded owner, whose process may be stopped.
 */
export async function claim(connection: Connection, options: ClaimOptions): Promise<Claimed> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await raiseToken(connection, options);
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'MR-PG-LOCKED') throw error;
      if (attempt === ATTEMPTS) throw await blocked(connection, options);
      await endOwnerSession(connection, options);
    }
  }
}

async function raiseToken(connection: Connection, options: ClaimOptions): Promise<Claimed> {
  const doing = `claiming partition ${options.partition}`;
  const patience = Math.trunc(options.patienceMs ?? 3_000);
  await connection.query(`SET lock_timeout = ${patience}`, doing);
  const rows = await connection.rows<Record<string, string>>(
    `INSERT INTO ${table(options)} AS o (sink, topic, partition, next, counted_through, fencing_token,
       owner, owner_session, start_offset, ledger_through, cluster_id, layout_hash)
     VALUES ($1, $2, $3, $4, $4, 1, $5, $6, $4, $4, $7, $8)
     ON CONFLICT (sink, topic, partition) DO UPDATE
       SET fencing_token = o.fencing_token + 1, owner = excluded.owner, owner_session = excluded.owner_session,
           updated_at = now()
       WHERE o.cluster_id = excluded.cluster_id AND o.layout_hash = excluded.layout_hash
     RETURNING fencing_token, next, counted_through, start_offset, ledger_through`,
    [
      options.sink,
      options.topic,
      options.partition,
      options.logStart,
      options.owner,
      connection.session,
      options.clusterId,
      options.layoutHash,
    ],
    doing,
  );
  await connection.query('RESET lock_timeout', doing);
  const row = rows[0];
  if (row === undefined) throw await notOurs(connection, options);
  return {
    token: row.fencing_token ?? '',
    next: Number(row.next),
    countedThrough: Number(row.counted_through),
    startOffset: Number(row.start_offset),
    ledgerThrough: Number(row.ledger_through),
  };
}

/** Only the very session that claimed: a process id alone may be another's by now. */
async function endOwnerSession(connection: Connection, options: ClaimOptions): Promise<void> {
  await connection.query(
    `SELECT pg_terminate_backend(a.pid)
     FROM ${table(options)} o JOIN pg_stat_activity a
       ON a.pid || '/' || (extract(epoch FROM a.backend_start) * 1000000)::bigint = o.owner_session
     WHERE ${atPlace(options)} AND a.pid <> pg_backend_pid()`,
    'ending the session of the previous owner',
  );
}

async function blocked(connection: Connection, options: ClaimOptions): Promise<MillraceError> {
  const holders = await connection.rows<{ who: string }>(
    `SELECT DISTINCT a.pid || ' (' || coalesce(nullif(a.application_name, ''), 'unnamed') || ')' AS who
     FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.relation = $1::regclass AND l.granted AND l.pid <> pg_backend_pid()`,
    [table(options)],
    'looking for who holds the lock',
  );
  return new MillraceError({
    kind: 'transient',
    code: 'MR-PG-CLAIM-BLOCKED',
    message: `partition ${options.partition} of ${options.sink} cannot be claimed: its row of millrace_offset is locked by session ${holders.map((row) => row.who).join(', ') || 'unknown'}`,
    remedy: 'End that session (pg_terminate_backend), or its transaction.',
  });
}

/** Another cluster or another layout: the row was left as it is, and so was its owner. */
async function notOurs(connection: Connection, options: ClaimOptions): Promise<MillraceError> {
  const rows = await connection.rows<{ cluster_id: string }>(
    `SELECT cluster_id FROM ${table(options)} WHERE ${atPlace(options)}`,
    [],
    'reading the position',
  );
  if (rows[0]?.cluster_id === options.clusterId) {
    return new MillraceError({
      kind: 'halt',
      code: 'MR-SINK-LAYOUT',
      message: `output, table, key, version or mode of ${options.sink} changed since its position was written`,
      remedy: 'Put them back, or give the sink a new name: it then starts from the beginning of the topic.',
    });
  }
  return new MillraceError({
    kind: 'halt',
    code: 'MR-SINK-OTHER-CLUSTER',
    message: `the position of ${options.sink} in the target belongs to another Kafka cluster than ${options.clusterId}`,
    remedy:
      'Point the sink at its own cluster, or raise the generation of the pipeline. Only after moving a cluster with its offsets: UPDATE millrace_offset SET cluster_id.',
  });
}

function table({ schema }: OffsetPlace): string {
  return `${quoteIdent(schema)}.millrace_offset`;
}
