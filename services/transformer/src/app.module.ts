import type { Pipeline } from '@millrace/config';
import { asMillraceError } from '@millrace/core';
import { type PipelineHandle, type ServiceContext, serviceModule } from '@millrace/service-kit';
import { startTransformHost } from './adapters/kafka/transform-host.ts';
import { TRANSFORM_EVENTS } from './events.ts';

/** The composition root: what the service is made of. */
export const AppModule = serviceModule({
  name: 'transformer',
  version: '0.1.0',
  needs: () => true,
  start,
});

async function start(pipeline: Pipeline, context: ServiceContext): Promise<PipelineHandle> {
  const { env, kafka, registry, clock, byteBudget } = context;
  const telemetry = context.telemetry(TRANSFORM_EVENTS, { pipeline: pipeline.name });
  const { host, progress } = await startTransformHost(pipeline, {
    instance: env.instance,
    kafka,
    registry,
    clock,
    byteBudget,
    emit: (event) => telemetry.emit(event),
  });
  return {
    status: () => ({
      ready: host.joined,
      detail: {
        partitions: host.status().map((one) => {
          if (!('error' in one)) return { ...one };
          const { code, message, remedy } = asMillraceError(one.error);
          return { ...one, error: `${code}: ${message}`, remedy };
        }),
      },
    }),
    lastProgressAt: () => progress.lastProgressAt(),
    done: host.done,
    stop: () => host.stop(),
  };
}
