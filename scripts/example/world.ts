import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Folded, readDeadLetters, readLedger } from '@millrace/cli';
import { type Environment, loadEnvironment, loadPipelines, type Pipeline } from '@millrace/config';
import type { DeadLetter } from '@millrace/contracts';
import { type LoadAccount, ledgerName, ownTypeOptions, reconcile, topics } from '@millrace/contracts';
import { MillraceError, systemClock } from '@millrace/core';
import { connectKafka, createSchemaRegistry, type KafkaClient, type SchemaRegistry } from '@millrace/kafka';
import { ownerAlive, type PartName, readState, reap, startStack } from '../../stack/src/index.ts';

/** What a run leaves in its folder. */
const OURS = ['stack', 'logs', 'work', 'env'];

/** A running stack, and our eyes on it. */
export interface World {
  /** The folder that the SFTP server serves; null where there is none. */
  readonly served: string | null;
  /** What services and people need to reach it. */
  readonly env: Readonly<Record<string, string>>;
  readonly pipelines: readonly Pipeline[];
  /** Every load that the ledger knows, reconciled. */
  loads(signal: AbortSignal): Promise<LoadAccount[]>;
  deadLetters(signal: AbortSignal): Promise<Folded<DeadLetter>[]>;
  close(): Promise<void>;
}

/** Starts the stack with fresh data in `dir`. What a killed run has left there is ended and removed first. */
export async function openWorld(
  dir: string,
  pipelinesFolder: string,
  parts: readonly PartName[],
  instance: string,
  progress: (line: string) => void,
): Promise<World> {
  await clear(dir);
  const stack = await startStack({ dir: join(dir, 'stack'), parts, progress });
  try {
    const env = {
      ...stack.env,
      MILLRACE_PIPELINES: pipelinesFolder,
      MILLRACE_INSTANCE: instance,
      MILLRACE_WORK: join(dir, 'work'),
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: '0',
    };
    const pipelines = pipelinesOf(pipelinesFolder, env);
    const { kafka, registry } = await eyes(loadEnvironment(env));
    return {
      served: parts.includes('sftp') ? stack.sftp.root : null,
      env,
      pipelines,
      loads: (signal) => loads(kafka, registry, pipelines, signal),
      deadLetters: (signal) => deadLetters(kafka, registry, pipelines, signal),
      async close() {
        await kafka.close();
        await stack.stop();
      },
    };
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

async function clear(dir: string): Promise<void> {
  const state = readState(join(dir, 'stack'));
  if (state !== undefined) {
    if (ownerAlive(state)) {
      throw new MillraceError({
        kind: 'config',
        code: 'MR-EXAMPLE-BUSY',
        message: `process ${state.owner?.pid} is running this example already`,
        remedy: 'Stop it with Ctrl-C first.',
      });
    }
    await reap(state);
  }
  // Only what we put there: the folder may be somebody's who mistyped --state.
  for (const name of OURS) await rm(join(dir, name), { recursive: true, force: true });
}

function pipelinesOf(folder: string, env: Readonly<Record<string, string>>): readonly Pipeline[] {
  const { pipelines, problems } = loadPipelines(folder, env);
  const broken = problems.filter(({ severity }) => severity === 'error');
  if (broken.length === 0) return pipelines;
  throw new MillraceError({
    kind: 'config',
    code: 'MR-EXAMPLE-PIPELINE',
    message: broken
      .map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`)
      .join('\n'),
  });
}

async function eyes({
  kafka,
  registry,
}: Environment): Promise<{ kafka: KafkaClient; registry: SchemaRegistry }> {
  const deps = { clock: systemClock, random: Math.random, onEvent: () => undefined };
  return {
    kafka: await connectKafka({ brokers: kafka.brokers, clientId: 'millrace-example' }, deps),
    registry: createSchemaRegistry(
      { url: registry.url },
      { clock: systemClock, typeOptions: ownTypeOptions() },
    ),
  };
}

async function loads(
  kafka: KafkaClient,
  registry: SchemaRegistry,
  pipelines: readonly Pipeline[],
  signal: AbortSignal,
): Promise<LoadAccount[]> {
  const sinks = new Map(pipelines.map((pipeline) => [ledgerName(pipeline), pipeline.sinks]));
  return reconcile(await readLedger(kafka, registry, signal), (pipeline) => sinks.get(pipeline) ?? []);
}

async function deadLetters(
  kafka: KafkaClient,
  registry: SchemaRegistry,
  pipelines: readonly Pipeline[],
  signal: AbortSignal,
): Promise<Folded<DeadLetter>[]> {
  const all = pipelines.map((pipeline) =>
    readDeadLetters(kafka, registry, topics.deadLetters(pipeline), signal),
  );
  return (await Promise.all(all)).flat();
}
