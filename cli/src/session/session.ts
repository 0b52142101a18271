import {
  type Environment,
  kafkaSettingsOf,
  loadEnvironment,
  loadPipelines,
  type Pipeline,
  type Problem,
  registrySettingsOf,
  type Variables,
} from '@millrace/config';
import { ownTypeOptions } from '@millrace/contracts';
import { type Clock, MillraceError, type Random } from '@millrace/core';
import { connectKafka, createSchemaRegistry, type KafkaClient, type SchemaRegistry } from '@millrace/kafka';
import { exactTypeOptions } from '../values/exact.ts';
import type { Output } from './output.ts';

export interface SessionDeps {
  readonly variables: Variables;
  readonly clock: Clock;
  readonly random: Random;
  readonly output: Output;
  /** Aborts when the user wants to stop. */
  readonly signal: AbortSignal;
}

/** What a command needs of the world, opened when it is first asked for and closed at the end. */
export class Session {
  readonly deps: SessionDeps;
  readonly output: Output;
  readonly signal: AbortSignal;
  #environment: Environment | undefined;
  #kafka: Promise<KafkaClient> | undefined;
  #pipelines: readonly Pipeline[] | undefined;

  constructor(deps: SessionDeps) {
    this.deps = deps;
    this.output = deps.output;
    this.signal = deps.signal;
  }

  get environment(): Environment {
    this.#environment ??= loadEnvironment(this.deps.variables);
    return this.#environment;
  }

  now(): number {
    return this.deps.clock.now();
  }

  kafka(): Promise<KafkaClient> {
    const { clock, random } = this.deps;
    const onEvent = (): void => undefined; // A command fails with the error itself; events are for services.
    const settings = kafkaSettingsOf(this.environment);
    const clientId = `${settings.clientId}-cli`;
    this.#kafka ??= connectKafka({ ...settings, clientId }, { clock, random, onEvent });
    return this.#kafka;
  }

  /** For values that people read: nothing rounded. */
  exactRegistry(): SchemaRegistry {
    const { clock } = this.deps;
    return createSchemaRegistry(registrySettingsOf(this.environment), {
      clock,
      typeOptions: exactTypeOptions(),
    });
  }

  /** For our own records: ledger, dead letters, tasks. */
  ownRegistry(): SchemaRegistry {
    const { clock } = this.deps;
    return createSchemaRegistry(registrySettingsOf(this.environment), {
      clock,
      typeOptions: ownTypeOptions(),
    });
  }

  /** The pipelines that can be read; a broken file is named once on stderr and left out. */
  pipelines(): readonly Pipeline[] {
    if (this.#pipelines) return this.#pipelines;
    const { pipelines, problems } = loadPipelines(this.environment.pipelinesFolder, this.deps.variables);
    for (const problem of problems.filter(({ severity }) => severity === 'error')) {
      this.output.note(`left out: ${problemText(problem)}`);
    }
    this.#pipelines = pipelines;
    return pipelines;
  }

  /** @throws MillraceError `config` when no readable file defines it */
  pipeline(name: string): Pipeline {
    const found = this.pipelines().find((pipeline) => pipeline.name === name);
    if (found) return found;
    const known = this.pipelines().map((pipeline) => pipeline.name);
    throw new MillraceError({
      kind: 'config',
      code: 'MR-CLI-NO-PIPELINE',
      message: `there is no pipeline "${name}" in ${this.environment.pipelinesFolder}`,
      remedy:
        known.length > 0
          ? `There are: ${known.join(', ')}.`
          : 'Set MILLRACE_PIPELINES to the folder of the pipeline files.',
    });
  }

  async close(): Promise<void> {
    // A client that never connected has nothing to close, and its error has been reported where it was awaited.
    const kafka = await this.#kafka?.catch(() => undefined);
    await kafka?.close();
  }
}

export function problemText({ file, line, column, code, message }: Problem): string {
  return `${file}:${line}:${column}: ${code}: ${message}`;
}
