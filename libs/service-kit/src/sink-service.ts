import type { Pipeline, SinkDef } from '@millrace/config';
import type { ServiceName } from '@millrace/contracts';
import { asMillraceError } from '@millrace/core';
import type { RunningSink } from '@millrace/sink-kit';
import type { PipelineHandle, ServiceContext, ServiceDefinition } from './service.ts';
import type { EventTable } from './telemetry.ts';

/** What a sink needs of its process. */
export interface SinkContext extends Pick<ServiceContext, 'kafka' | 'registry' | 'clock' | 'byteBudget'> {
  readonly instance: string;
}

/** A sink at work, with what it does beside writing, if anything. */
export interface SinkAtWork extends RunningSink {
  /** For `/readyz`, beside the partitions. No secrets. */
  detail?(): Readonly<Record<string, unknown>>;
  /** Ends what runs beside the partitions. Called when these have drained. */
  stop?(): Promise<void>;
}

export interface SinkServiceDefinition<E extends { readonly type: string }> {
  readonly name: ServiceName;
  readonly version: string;
  readonly events: EventTable<E>;
  /** Whether this service carries that sink. */
  takes(sink: SinkDef): boolean;
  start(
    pipeline: Pipeline,
    sink: SinkDef,
    context: SinkContext,
    emit: (event: E) => void,
  ): Promise<SinkAtWork>;
}

/** A service that carries sinks: one group for each, since each has its own pace. */
export function sinkService<E extends { readonly type: string }>(
  definition: SinkServiceDefinition<E>,
): ServiceDefinition {
  const { name, version } = definition;
  const sinksHere = (pipeline: Pipeline) => pipeline.sinks.filter((sink) => definition.takes(sink));
  return {
    name,
    version,
    needs: (pipeline) => sinksHere(pipeline).length > 0,
    start: (pipeline, context) => startSinks(definition, pipeline, sinksHere(pipeline), context),
  };
}

async function startSinks<E extends { readonly type: string }>(
  definition: SinkServiceDefinition<E>,
  pipeline: Pipeline,
  sinks: readonly SinkDef[],
  context: ServiceContext,
): Promise<PipelineHandle> {
  const started: { readonly name: string; readonly sink: SinkAtWork }[] = [];
  const stopAll = async (): Promise<void> => {
    const ends = await Promise.allSettled(started.map(({ sink }) => stopOne(sink)));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  };
  const process = { ...context, instance: context.env.instance };
  try {
    for (const sink of sinks) {
      const telemetry = context.telemetry(definition.events, { pipeline: pipeline.name, sink: sink.name });
      const running = await definition.start(pipeline, sink, process, (event) => telemetry.emit(event));
      started.push({ name: sink.name, sink: running });
    }
  } catch (error) {
    await stopAll();
    throw error;
  }
  return {
    status: () => ({
      ready: started.every(({ sink }) => sink.host.joined),
      detail: Object.fromEntries(started.map(({ name, sink }) => [name, detailOf(sink)])),
    }),
    lastProgressAt: () => Math.min(...started.map(({ sink }) => sink.lastProgressAt())),
    done: Promise.all(started.map(({ sink }) => sink.host.done)).then(() => undefined),
    stop: stopAll,
  };
}

async function stopOne(sink: SinkAtWork): Promise<void> {
  try {
    await sink.host.stop();
  } finally {
    await sink.stop?.();
  }
}

function detailOf(sink: SinkAtWork): unknown {
  const partitions = sink.host.status().map((one) => {
    if (!('error' in one)) return { ...one };
    const { code, message, remedy } = asMillraceError(one.error);
    return { ...one, error: `${code}: ${message}`, remedy };
  });
  return sink.detail === undefined ? partitions : { ...sink.detail(), partitions };
}
