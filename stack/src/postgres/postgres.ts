import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { messageOf } from '../errors.ts';
import { type Part, type PartContext, type Restartable, Supervised } from '../part.ts';
import { startTimeOf } from '../process/identity.ts';
import { run } from '../process/run.ts';
import { findBinaries, type PostgresBinaries } from './binaries.ts';
import { type Runner, unprivileged } from './unprivileged.ts';

const ADMIN = 'postgres';
const ROLE = 'millrace';
const START_ATTEMPTS = 10;
const START_PAUSE_MS = 200;

export interface Postgres extends Part, Restartable {
  /** The database `millrace` as its least-privilege owner `millrace`. */
  readonly url: string;
  /** The same database as superuser: for tests that make databases or break things. */
  readonly adminUrl: string;
  readonly timescale: boolean;
  stop(): Promise<void>;
  /** `pg_ctl -m immediate`: sessions are cut, nothing is flushed; the next start recovers. */
  stopImmediately(): Promise<void>;
}

function url(user: string, password: string, port: number, database: string): string {
  return `postgresql://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
}

function settings(port: number, timescale: boolean): string {
  const lines = [
    `listen_addresses = '127.0.0.1'`,
    `port = ${port}`,
    // No socket file: its path would be too long in deep folders, and TCP is what services use.
    `unix_socket_directories = ''`,
    'max_connections = 100',
    'shared_buffers = 128MB',
    'fsync = on',
    'jit = off',
    `timezone = 'UTC'`,
    `log_timezone = 'UTC'`,
    'max_wal_size = 2GB',
  ];
  if (timescale) lines.push(`shared_preload_libraries = 'timescaledb'`, 'timescaledb.telemetry_level = off');
  return `${lines.join('\n')}\n`;
}

/** Creates the cluster aside and renames it, so that a killed first start leaves no half of one. */
async function initialise(
  data: string,
  password: string,
  binaries: PostgresBinaries,
  runner: Runner,
): Promise<void> {
  const aside = `${data}.new`;
  const passwordFile = `${data}.password`;
  await rm(aside, { recursive: true, force: true });
  await mkdir(aside, { recursive: true, mode: 0o700 });
  await runner.own(aside);
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  await runner.own(passwordFile);
  const options = ['-U', ADMIN, '--auth=scram-sha-256', '--pwfile', passwordFile, '-E', 'UTF8', '--locale=C'];
  try {
    const [command, args] = runner.wrap(binaries.initdb, ['-D', aside, ...options]);
    await run(command, args, { cwd: '/' });
    await rename(aside, data);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function withClient<T>(connectionString: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/**
 * A killed server leaves its pid file, and for a moment its children, which notice its end one by one. PostgreSQL
 * refuses to start until they are gone, and as long as the pid is known to the system.
 */
class PostgresServer extends Supervised {
  readonly #pidFile: string;

  constructor(context: PartContext, data: string, command: ConstructorParameters<typeof Supervised>[1]) {
    super(context, command);
    this.#pidFile = join(data, 'postmaster.pid');
  }

  override async start(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await this.#removeStalePidFile();
      try {
        return await super.start();
      } catch (error) {
        if (attempt === START_ATTEMPTS || !/still in use|postmaster\.pid/.test(messageOf(error))) throw error;
        await delay(START_PAUSE_MS);
      }
    }
  }

  async #removeStalePidFile(): Promise<void> {
    const text = await readFile(this.#pidFile, 'utf8').catch(() => undefined);
    if (text !== undefined && startTimeOf(Number.parseInt(text, 10)) === undefined) await rm(this.#pidFile);
  }
}

/** The role and its database, once; the password again each time, as it may have been made anew. */
async function provide(port: number, admin: string, password: string, timescale: boolean): Promise<string> {
  const version = await withClient(url(ADMIN, admin, port, 'postgres'), async (client) => {
    const role = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [ROLE]);
    const verb = role.rowCount === 0 ? 'CREATE' : 'ALTER';
    const rights = 'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS';
    await client.query(`${verb} ROLE ${ROLE} ${rights} PASSWORD ${client.escapeLiteral(password)}`);
    const database = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [ROLE]);
    if (database.rowCount === 0) {
      await client.query(`CREATE DATABASE ${ROLE} OWNER ${ROLE}`);
      await client.query(`REVOKE ALL ON DATABASE ${ROLE} FROM PUBLIC`);
    }
    const answer = await client.query<{ server_version: string }>('SHOW server_version');
    return answer.rows[0]?.server_version ?? '?';
  });
  if (!timescale) return version;
  return withClient(url(ADMIN, admin, port, ROLE), async (client) => {
    await client.query('CREATE EXTENSION IF NOT EXISTS timescaledb');
    const sql = `SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'`;
    const answer = await client.query<{ extversion: string }>(sql);
    return `${version}, TimescaleDB ${answer.rows[0]?.extversion}`;
  });
}

/** Starts PostgreSQL, with TimescaleDB where that can be had. Passwords are generated; `fsync` is on. */
export async function startPostgres(context: PartContext): Promise<Postgres> {
  const binaries = await findBinaries(context.progress);
  const runner = await unprivileged([dirname(binaries.postgres), context.state.dir]);
  const data = join(context.state.dir, binaries.timescale ? 'postgres-17' : 'postgres-plain');
  const admin = context.state.secret('postgres.admin');
  const password = context.state.secret('postgres.millrace');
  if (!existsSync(data)) await initialise(data, admin, binaries, runner);
  const port = await context.state.port('postgres');
  await writeFile(join(data, 'postgresql.auto.conf'), settings(port, binaries.timescale));
  const [command, args] = runner.wrap(binaries.postgres, ['-D', data]);
  const server = new PostgresServer(context, data, {
    name: 'postgres',
    command,
    args,
    cwd: '/',
    // SIGINT: "fast", ends sessions and checkpoints. SIGTERM would wait for sessions to leave.
    stopSignal: 'SIGINT',
    ready: { log: 'database system is ready to accept connections' },
  });
  await server.start();
  const version = await provide(port, admin, password, binaries.timescale);
  const handle = {
    env: {
      DATABASE_URL: url(ROLE, password, port, ROLE),
      DATABASE_ADMIN_URL: url(ADMIN, admin, port, ROLE),
    },
    version: `${version} (${binaries.origin})`,
    url: url(ROLE, password, port, ROLE),
    adminUrl: url(ADMIN, admin, port, ROLE),
    timescale: binaries.timescale,
    stopImmediately: () => server.signalAndWait('SIGQUIT'),
  };
  return Object.assign(server, handle);
}
