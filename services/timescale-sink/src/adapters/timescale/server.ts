import type { Connection } from '@millrace/postgres';
import { type Server, serverOf } from '../../domain/server.ts';

const EXTENSION_SQL = `SELECT e.extversion AS version, n.nspname AS schema,
  coalesce(current_setting('timescaledb.license', true), 'apache') AS license
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'timescaledb'`;

/** Asks the database what it is. @throws MillraceError `systemic` for a version that loses data */
export async function readServer(connection: Connection): Promise<Server> {
  const rows = await connection.rows<{ version: string; schema: string; license: string }>(
    EXTENSION_SQL,
    [],
    'asking for TimescaleDB',
  );
  return serverOf(rows[0] ?? null);
}
