import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type ServerExit, type ServerProcess, startServer } from '../../stack/src/index.ts';

export const SERVICES = ['ingest-sftp', 'transformer', 'sql-sink'] as const;

export type ServiceName = (typeof SERVICES)[number];

export interface RunningService {
  readonly name: ServiceName;
  readonly logFile: string;
  readonly process: ServerProcess;
}

/**
 * Starts the services as processes of their own, each under a guard that ends it should this process be killed.
 * @param env added to this process's environment
 */
export async function startServices(
  root: string,
  env: Readonly<Record<string, string>>,
  logs: string,
): Promise<RunningService[]> {
  await mkdir(logs, { recursive: true });
  const started = await Promise.allSettled(SERVICES.map((name) => startService(root, name, env, logs)));
  const services = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = started.find((one) => one.status === 'rejected');
  if (failed === undefined) return services;
  await stopServices(services);
  throw failed.reason;
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

/** Asks all to drain and end; how each ended. */
export function stopServices(services: readonly RunningService[]): Promise<ServerExit[]> {
  return Promise.all(services.map((service) => service.process.stop()));
}

/** The first service that has ended, though nobody asked it to. */
export function firstEnded(services: readonly RunningService[]): RunningService | undefined {
  return services.find((service) => !service.process.running);
}
