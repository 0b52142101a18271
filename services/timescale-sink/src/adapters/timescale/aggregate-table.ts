import type { AggregateDef } from '@millrace/config';
import { MillraceError } from '@millrace/core';
import { type Connection, quoteTable } from '@millrace/postgres';
import { createAggregate, definitionOf, registerAggregate } from '../../domain/aggregate-sql.ts';
import { createContinuousAggregate } from '../../domain/community-sql.ts';
import type { Series } from '../../domain/series.ts';
import type { Server } from '../../domain/server.ts';

/**
 * Makes the aggregate's table or view when there is none of that name, and registers it. Only the leader does, so that no lock is
 * needed beside its own.
 * @throws MillraceError `systemic` when something else of that name is there
 */
export async function ensureAggregate(
  connection: Connection,
  series: Series,
  aggregate: AggregateDef,
  server: Server,
): Promise<void> {
  const { schema } = series;
  const doing = `looking for ${aggregate.name}`;
  const [found] = await connection.rows<{ relkind: string; comment: string | null }>(
    `SELECT c.relkind, obj_description(c.oid, 'pg_class') AS comment
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`,
    [schema, aggregate.name],
    doing,
  );
  const registered = (anew: boolean) =>
    server.kind === 'community' ? [] : registerAggregate(series, aggregate, anew);
  if (found === undefined) {
    const make = server.kind === 'community' ? createContinuousAggregate : createAggregate;
    await inTransaction(
      connection,
      [...make(series, aggregate, server), ...registered(true)],
      aggregate.name,
    );
    return;
  }
  if (found.comment === definitionOf(aggregate)) {
    await inTransaction(connection, registered(false), aggregate.name);
    return;
  }
  const what = found.relkind === 'v' ? 'MATERIALIZED VIEW' : 'TABLE';
  const name = quoteTable({ schema, table: aggregate.name });
  throw new MillraceError({
    kind: 'systemic',
    code: 'MR-TS-AGGREGATE-DIFFERS',
    message: `${name} exists, but is not the aggregate that the pipeline describes`,
    remedy: `Give the aggregate another name; or have it made anew from the rows that are left: DROP ${what} ${name};`,
  });
}

async function inTransaction(
  connection: Connection,
  statements: readonly string[],
  name: string,
): Promise<void> {
  if (statements.length === 0) return;
  const doing = `preparing ${name}`;
  try {
    await connection.query(
      ['BEGIN ISOLATION LEVEL READ COMMITTED', ...statements, 'COMMIT'].join(';\n'),
      doing,
    );
  } catch (error) {
    // When the session itself is lost this fails as well, and the first error is the one that says why.
    await connection.query('ROLLBACK', doing).catch(() => undefined);
    throw error;
  }
}
