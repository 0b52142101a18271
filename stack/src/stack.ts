import { rm } from 'node:fs/promises';
import { StackError } from './errors.ts';
import { type Kafka, startKafka } from './kafka/cluster.ts';
import { type OpcuaOptions, type OpcuaSimulator, startOpcua } from './opcua/simulator.ts';
import type { Part, PartContext } from './part.ts';
import { type Postgres, startPostgres } from './postgres/postgres.ts';
import { identify } from './process/identity.ts';
import { type Registry, startRegistry } from './registry/registry.ts';
import { type SftpSimulator, startSftp } from './sftp/simulator.ts';
import { ownerAlive, readState, reap, StateFile } from './state.ts';

interface Parts {
  kafka: Kafka;
  registry: Registry;
  postgres: Postgres;
  sftp: SftpSimulator;
  opcua: OpcuaSimulator;
}

export type PartName = keyof Parts;

/** What pipelines of files need. */
export const FILE_PARTS = ['kafka', 'registry', 'postgres', 'sftp'] as const satisfies readonly PartName[];

export const ALL_PARTS: readonly PartName[] = [...FILE_PARTS, 'opcua'];

export interface StackOptions<Names extends PartName = PartName> {
  /** The stack's folder: state file, data and logs. One stack at a time in it. */
  readonly dir: string;
  readonly parts: readonly Names[];
  readonly brokers?: 1 | 3;
  /** Additional lines of `server.properties`, for every broker. */
  readonly kafkaProperties?: Readonly<Record<string, string>>;
  /** SCRAM credentials that the cluster is formatted with, as `--add-scram` of Kafka's storage tool takes them. */
  readonly kafkaScram?: readonly string[];
  readonly opcua?: OpcuaOptions;
  /** Keep data for the next start in this folder (default), or throw the folder away when stopped. */
  readonly keepData?: boolean;
  /** One line each as parts come up; default is silence. */
  readonly progress?: (line: string) => void;
}

/** A running stack: the parts that were asked for, and what services need to reach them. */
export type Stack<Names extends PartName = PartName> = Pick<Parts, Names> & {
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
};

async function claim(options: StackOptions): Promise<StateFile> {
  const previous = readState(options.dir);
  if (ownerAlive(previous) && previous?.owner?.pid !== process.pid) {
    const remedy = `Stop it (npm run stack -- down), or use another folder than ${options.dir}`;
    throw new StackError('MR-STACK-BUSY', `a stack of process ${previous?.owner?.pid} runs here`, remedy);
  }
  if (previous !== undefined) {
    const ended = await reap(previous);
    if (ended.length > 0) options.progress?.(`stack: ended what a killed run had left: ${ended.join(', ')}`);
  }
  const owner = identify(process.pid);
  if (owner === undefined)
    throw new StackError('MR-STACK-START', 'this process has no start time', 'Report this');
  return new StateFile(options.dir, previous, owner);
}

function starters(
  context: PartContext,
  options: StackOptions,
): { [Name in PartName]: () => Promise<Parts[Name]> } {
  return {
    kafka: () =>
      startKafka(context, {
        brokers: options.brokers ?? 1,
        properties: options.kafkaProperties ?? {},
        scram: options.kafkaScram ?? [],
      }),
    registry: () => startRegistry(context),
    postgres: () => startPostgres(context),
    sftp: () => startSftp(context),
    opcua: () => startOpcua(context, options.opcua ?? {}),
  };
}

/**
 * Starts the parts side by side. They are processes of their own and end with this one, however it ends.
 * @throws StackError naming the part that did not start; what had started by then is stopped again
 */
export async function startStack<Names extends PartName>(
  options: StackOptions<Names>,
): Promise<Stack<Names>> {
  const state = await claim(options);
  const keepData = options.keepData ?? true;
  const progress = options.progress ?? (() => undefined);
  const start = starters({ state, progress, keepData }, options);
  const running: Part[] = [];

  const stop = async () => {
    // The registry and the rest know nothing of each other: all at once.
    const ends = await Promise.allSettled(running.map((part) => part.stop()));
    state.down();
    if (!keepData) await rm(options.dir, { recursive: true, force: true });
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  };

  const began = performance.now();
  const results = await Promise.allSettled(
    options.parts.map(async (name) => {
      const part: Part = await start[name]();
      running.push(part);
      state.version(name, part.version);
      const seconds = ((performance.now() - began) / 1_000).toFixed(1);
      progress(`${name}: ready after ${seconds} s, version ${part.version}`);
      return [name, part] as const;
    }),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await stop().catch(() => undefined);
    throw failed.reason;
  }
  const parts = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const env = Object.assign({}, ...parts.map(([, part]) => part.env)) as Record<string, string>;
  state.up(env);
  // The names asked for are the keys made: the loop above cannot say so to the compiler.
  return { ...(Object.fromEntries(parts) as unknown as Pick<Parts, Names>), dir: options.dir, env, stop };
}
