import { MillraceError } from '@millrace/core';
import pg from 'pg';
import { classify } from './errors.ts';

export interface ConnectOptions {
  /** May hold a password: never logged, never in an error. */
  readonly url: string;
  /** What the session is, for `pg_stat_activity`; cut to 63 bytes by the server. */
  readonly applicationName: string;
  /** One statement at most, default 45 s. Ours gives up 10 s later, for a server that does not answer. */
  readonly statementTimeoutMs?: number;
  /** Waiting for one lock at most, default 10 s. */
  readonly lockTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
}

/** One session. Its own process id and start tell it from a later one with the same id. */
export interface Connection {
  readonly client: pg.Client;
  /** `<backend pid>/<backend start, µs since the epoch>`. */
  readonly session: string;
  query(sql: string, doing: string): Promise<readonly pg.QueryResult[]>;
  /** `deadlineMs`: for the answer, when it has to be sooner than that of any statement. */
  rows<Row extends pg.QueryResultRow>(
    sql: string,
    values: unknown[],
    doing: string,
    deadlineMs?: number,
  ): Promise<Row[]>;
  close(): Promise<void>;
}

const CLOSE_MS = 2_000;
/** With our own 10 s more it stays below the minute after which a loop counts as stuck: a restart mends no database. */
const STATEMENT_MS = 45_000;

/**
 * Opens a session with UTC, deadlines and keepalive.
 * @throws MillraceError `transient` (away), `systemic` (login, TLS), `config` (not a URL)
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const statementMs = options.statementTimeoutMs ?? STATEMENT_MS;
  const client = newClient({
    ...tlsAware(options.url),
    application_name: options.applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    statement_timeout: statementMs,
    query_timeout: statementMs + 10_000,
    lock_timeout: options.lockTimeoutMs ?? 10_000,
    idle_in_transaction_session_timeout: 30_000,
  });
  let lost: unknown = null;
  // Without a listener an idle session's end would end the process.
  client.on('error', (error) => {
    lost ??= error;
  });
  try {
    await client.connect();
    const query = async (sql: string, doing: string): Promise<readonly pg.QueryResult[]> => {
      try {
        const result: unknown = await client.query(sql);
        // pg answers several statements with an array, which its types do not say.
        return (Array.isArray(result) ? result : [result]) as pg.QueryResult[];
      } catch (error) {
        throw classify(lost ?? error, doing);
      }
    };
    const answers = await query(SESSION_SQL, 'opening a session');
    const first = answers.at(-1)?.rows[0] as { session: string } | undefined;
    return {
      client,
      session: first?.session ?? '',
      query,
      async rows<Row extends pg.QueryResultRow>(
        text: string,
        values: unknown[],
        doing: string,
        deadlineMs = statementMs + 10_000,
      ) {
        // pg knows a deadline of one query, its types do not.
        const timed: pg.QueryConfig & { query_timeout: number } = { text, values, query_timeout: deadlineMs };
        try {
          return (await client.query<Row>(timed)).rows;
        } catch (error) {
          throw classify(lost ?? error, doing);
        }
      },
      close: () => closeWithin(client, CLOSE_MS),
    };
  } catch (error) {
    await closeWithin(client, CLOSE_MS);
    throw classify(error, 'connecting to the database');
  }
}

/** Compiling a statement that runs for 50 ms costs more than it saves. */
const SESSION_SQL = `
  SET TIME ZONE 'UTC';
  SET standard_conforming_strings = on;
  SET jit = off;
  SET default_transaction_isolation = 'read committed';
  SELECT pid || '/' || (extract(epoch FROM backend_start) * 1000000)::bigint AS session
  FROM pg_stat_activity WHERE pid = pg_backend_pid()`;

/** pg reads the files that the URL names at once. */
function newClient(config: pg.ClientConfig): pg.Client {
  try {
    return new pg.Client(config);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new MillraceError({
      kind: 'systemic',
      code: 'MR-PG-TLS',
      message: `a file that the connection string of the database names cannot be read: ${why}`,
      remedy: 'Correct sslrootcert, sslcert or sslkey, or put the file there.',
    });
  }
}

/** `end` waits for the server's answer, which a dead network never gives. */
async function closeWithin(client: pg.Client, ms: number): Promise<void> {
  const ended = client.end().catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      client.connection.stream.destroy();
      resolve();
    }, ms);
  });
  await Promise.race([ended, late]);
  clearTimeout(timer);
}

/** These promise less than they seem to, and are verified like `verify-full`. */
const WEAK_MODES: readonly (string | null)[] = ['allow', 'prefer', 'require', 'verify-ca'];
const MODES: readonly (string | null)[] = [null, 'disable', 'no-verify', 'verify-full', ...WEAK_MODES];

const LOOPBACK = /^(|localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/**
 * TLS as the URL's `sslmode` says, verified unless it says `no-verify`. Without `sslmode`: none on this machine,
 * verified TLS to any other; an unencrypted connection over a network has to be asked for with `sslmode=disable`.
 */
export function tlsAware(url: string): pg.ClientConfig {
  const parsed = URL.parse(url);
  if (parsed === null || !/^postgres(ql)?:$/.test(parsed.protocol)) {
    throw new MillraceError({
      kind: 'config',
      code: 'MR-PG-URL',
      message: 'the connection string of the database cannot be read',
      remedy: 'Write postgresql://user:password@host:5432/database, special characters percent-encoded.',
    });
  }
  const { searchParams } = parsed;
  const mode = searchParams.get('sslmode');
  if (!MODES.includes(mode)) {
    throw new MillraceError({
      kind: 'config',
      code: 'MR-PG-SSLMODE',
      message: 'the connection string of the database has an sslmode that does not exist',
      remedy: 'Write sslmode=verify-full, or leave it out: TLS to another machine is verified then as well.',
    });
  }
  if (WEAK_MODES.includes(mode)) searchParams.set('sslmode', 'verify-full');
  const asked = mode !== null || searchParams.has('ssl') || searchParams.has('sslrootcert');
  const local = LOOPBACK.test(parsed.hostname) && !searchParams.has('host');
  // What the connection string says wins over `ssl` beside it.
  return { connectionString: parsed.href, ssl: asked || local ? false : { rejectUnauthorized: true } };
}
