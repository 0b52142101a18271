import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type ServerProcess, startServer } from '../../stack/src/index.ts';

export const SERVICES = [
  'ingest-sftp',
  'opc-collector',
  'transformer',
  'sql-sink',
  'timescale-sink',
] as const;

export type ServiceName = (typeof SERVICES)[number];

/** Files into SQL. */
export const FILE_SERVICES = [
  'ingest-sftp',
  'transformer',
  'sql-sink',
] as const satisfies readonly ServiceName[];

export interface RunningService {
  readonly name: ServiceName;
  readonly logFile: string;
  readonly process: ServerProcess;
}

/** The services of an example. One that ends is started again, as an orchestrator would: killing them is allowed. */
export interface Services {
  readonly running: readonly RunningService[];
  /** The first one that ended so often that it was given up. */
  readonly givenUp: RunningService | undefined;
  /** Asks one to drain and end; it is not started again until `begin`. */
  end(name: ServiceName): Promise<void>;
  begin(name: ServiceName): Promise<void>;
  /** Asks all to drain and end. */
  stop(): Promise<void>;
}

const RESTARTS_MAX = 5;
const RESTARTS_WITHIN_MS = 60_000;

/**
 * Starts the services as processes of their own, each under a guard that ends it should this process be killed.
 * @param env added to this process's environment
 * @param say told in a line when one has ended and is started again
 */
export async function startServices(
  root: string,
  names: readonly ServiceName[],
  env: Readonly<Record<string, string>>,
  logs: string,
  say: (line: string) => void,
): Promise<Services> {
  await mkdir(logs, { recursive: true });
  const started = await Promise.allSettled(names.map((name) => startService(root, name, env, logs)));
  const services = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = started.find((one) => one.status === 'rejected');
  if (failed !== undefined) {
    await Promise.all(services.map((service) => service.process.stop()));
    throw failed.reason;
  }
  const restart = (name: ServiceName): Promise<RunningService> => startService(root, name, env, logs);
  return superviseServices(services, restart, say, () => performance.now());
}

/** Keeps services up until they are stopped. */
export function superviseServices(
  started: readonly RunningService[],
  restart: (name: ServiceName) => Promise<RunningService>,
  say: (line: string) => void,
  now: () => number,
): Services {
  const running = [...started];
  const ended = new Set<ServiceName>();
  let stopping = false;
  let givenUp: RunningService | undefined;
  const keep = async (at: number): Promise<void> => {
    const endings: number[] = [];
    for (let service = running[at]; service !== undefined; service = running[at]) {
      const { code, signal } = await service.process.exited;
      if (stopping || ended.has(service.name)) return;
      const how = `${service.name} (pid ${service.process.identity.pid}) ended with ${signal ?? code}`;
      endings.push(now());
      const recent = endings.filter((time) => now() - time < RESTARTS_WITHIN_MS).length;
      const next = recent > RESTARTS_MAX ? undefined : await restart(service.name).catch(() => undefined);
      if (next === undefined) {
        givenUp ??= service;
        say(`${how}, and is not started again; see ${service.logFile}`);
        return;
      }
      running[at] = next;
      say(`${how}; started again as pid ${next.process.identity.pid}`);
      if (stopping) await next.process.stop();
    }
  };
  const kept = running.map((_, at) => keep(at));
  return {
    running,
    get givenUp() {
      return givenUp;
    },
    async end(name) {
      ended.add(name);
      await Promise.all(running.filter((one) => one.name === name).map((one) => one.process.stop()));
    },
    async begin(name) {
      const at = running.findIndex((one) => one.name === name);
      if (at < 0 || !ended.has(name)) return;
      await kept[at];
      running[at] = await restart(name);
      ended.delete(name);
      kept[at] = keep(at);
    },
    async stop() {
      stopping = true;
      await Promise.all(running.map((service) => service.process.stop()));
      await Promise.all(kept);
    },
  };
}

async function startService(
  root: string,
  name: ServiceName,
  env: Readonly<Record<string, string>>,
  logs: string,
): Promise<RunningService> {
  const logFile = join(logs, `${name}.log`);
  const process_ = await startServer({
    name,
    command: process.execPath,
    args: ['--enable-source-maps', join(root, 'services', name, 'dist', 'main.js')],
    env,
    logFile,
    // Whether it works shows in the ledger; here it only has to run.
    ready: { check: () => Promise.resolve(true) },
  });
  return { name, logFile, process: process_ };
}
