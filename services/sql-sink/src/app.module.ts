import type { Pipeline, SinkDef } from '@millrace/config';
import { asMillraceError } from '@millrace/core';
import { type PipelineHandle, type ServiceContext, serviceModule } from '@millrace/service-kit';
import type { RunningSink } from '@millrace/sink-kit';
import { SINK_EVENTS } from './events.ts';
import { startSinkPipeline } from './pipeline.ts';

/** The composition root: what the service is made of. */
export const AppModule = serviceModule({
  name: 'sql-sink',
  version: '0.1.0',
  needs: (pipeline) => sinksHere(pipeline).length > 0,
  start,
});

function sinksHere(pipeline: Pipeline): readonly SinkDef[] {
  return pipeline.sinks.filter((sink) => sink.target.kind === 'postgres');
}

/** One group for each sink, since each has its own pace. */
async function start(pipeline: Pipeline, context: ServiceContext): Promise<PipelineHandle> {
  const started: { readonly name: string; readonly sink: RunningSink }[] = [];
  const stopAll = async (): Promise<void> => {
    const ends = await Promise.allSettled(started.map(({ sink }) => sink.host.stop()));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  };
  const process = { ...context, instance: context.env.instance };
  try {
    for (const sink of sinksHere(pipeline)) {
      const telemetry = context.telemetry(SINK_EVENTS, { pipeline: pipeline.name, sink: sink.name });
      const running = await startSinkPipeline(pipeline, sink, process, (event) => telemetry.emit(event));
      started.push({ name: sink.name, sink: running });
    }
  } catch (error) {
    await stopAll();
    throw error;
  }
  return {
    status: () => ({
      ready: started.every(({ sink }) => sink.host.joined),
      detail: Object.fromEntries(started.map(({ name, sink }) => [name, partitionsOf(sink)])),
    }),
    lastProgressAt: () => Math.min(...started.map(({ sink }) => sink.lastProgressAt())),
    done: Promise.all(started.map(({ sink }) => sink.host.done)).then(() => undefined),
    stop: stopAll,
  };
}

function partitionsOf({ host }: RunningSink): readonly unknown[] {
  return host.status().map((one) => {
    if (!('error' in one)) return { ...one };
    const { code, message, remedy } = asMillraceError(one.error);
    return { ...one, error: `${code}: ${message}`, remedy };
  });
}
