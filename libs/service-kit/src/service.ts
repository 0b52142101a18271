import type { Environment, Pipeline } from '@millrace/config';
import type { ServiceName } from '@millrace/contracts';
import type { ByteBudget, Clock, Random } from '@millrace/core';
import type { KafkaClient, SchemaRegistry } from '@millrace/kafka';
import type { EventTable, Telemetry, TelemetryScope } from './telemetry.ts';

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
  telemetry<E extends { readonly type: string }>(table: EventTable<E>, scope?: TelemetryScope): Telemetry<E>;
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
  /** Rejects when the pipeline is beyond recovery (`PartitionHost.done`): the process then drains and ends non-zero. */
  readonly done?: Promise<void>;
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
   * leave this pipeline stopped and the others running. `signal` aborts when the process stops meanwhile.
   */
  start(pipeline: Pipeline, ctx: ServiceContext, signal: AbortSignal): Promise<PipelineHandle>;
}
