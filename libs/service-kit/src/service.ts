import type { Environment, Pipeline } from '@millrace/config';
import type { ServiceName } from '@millrace/contracts';
import { type ByteBudget, type Clock, MillraceError, type Random } from '@millrace/core';
import type { KafkaClient, SchemaRegistry } from '@millrace/kafka';
import type { DynamicModule } from '@nestjs/common';
import type { EventTable, Telemetry } from './telemetry.ts';

/** What a service's pipelines are built from. One per process. */
export interface ServiceContext {
  readonly env: Environment;
  readonly kafka: KafkaClient;
  readonly registry: SchemaRegistry;
  readonly clock: Clock;
  readonly random: Random;
  /** The process's bound on records held in memory, shared by all its pipelines. */
  readonly byteBudget: ByteBudget;
  /** Telemetry of one pipeline (and sink): its name is on each log line and metric. */
  telemetry<E extends { readonly type: string }>(
    table: EventTable<E>,
    of?: { readonly pipeline?: string; readonly sink?: string },
  ): Telemetry<E>;
}

export interface PipelineStatus {
  /** Connected and assigned: shown by `/readyz`. */
  readonly ready: boolean;
  /** JSON for people: partitions with their state, what is waited for. No secrets. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** A pipeline at work in this service. */
export interface PipelineHandle {
  status(): PipelineStatus;
  /**
   * `clock.monotonic()` of the last turn of the slowest loop: an idle poll and a wait before a retry count as
   * turns, so that a dead broker or database is no reason to restart. Older than a minute fails `/livez`.
   */
  lastProgressAt(): number;
  /**
   * Stops polling, drains, commits, leaves the group, closes what it opened: in that order. Rejects when something
   * that was acknowledged could not be flushed; the process then exits non-zero.
   */
  stop(): Promise<void>;
}

/** A service, as its `app.module.ts` describes it. */
export interface ServiceDefinition {
  readonly name: ServiceName;
  readonly version: string;
  /** Whether this service has a part in the pipeline. */
  needs(pipeline: Pipeline): boolean;
  /**
   * Starts its part. Rejecting with kind `transient` or `systemic` is tried again with backoff; `config` and `halt`
   * leave this pipeline stopped and the others running.
   */
  start(pipeline: Pipeline, ctx: ServiceContext): Promise<PipelineHandle>;
}

/** The service as a Nest module: `export const AppModule = serviceModule({ … })`. */
export function serviceModule(_definition: ServiceDefinition): DynamicModule {
  throw new MillraceError({ kind: 'bug', code: 'MR-BUG', message: 'not built yet' });
}

/** `main.ts` in one line: `await runService(AppModule)`. Ends the process when the service has stopped. */
export async function runService(_module: DynamicModule): Promise<void> {
  throw new MillraceError({ kind: 'bug', code: 'MR-BUG', message: 'not built yet' });
}
