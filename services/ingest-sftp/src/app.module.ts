import { isFilePipeline, type Pipeline } from '@millrace/config';
import { MillraceError } from '@millrace/core';
import { type PipelineHandle, type ServiceContext, serviceModule } from '@millrace/service-kit';
import { SftpFiles } from './adapters/sftp/sftp-files.ts';
import { INGEST_EVENTS } from './events.ts';
import { startIngest } from './pipeline.ts';

/** The composition root: which adapters an ingest of files over SFTP is made of. */
export const AppModule = serviceModule({
  name: 'ingest-sftp',
  version: '0.1.0',
  needs: isFilePipeline,
  start: startPipeline,
});

async function startPipeline(pipeline: Pipeline, context: ServiceContext): Promise<PipelineHandle> {
  if (!isFilePipeline(pipeline)) throw notFiles(pipeline);
  const { env, kafka, registry, byteBudget, clock, random } = context;
  const telemetry = context.telemetry(INGEST_EVENTS, { pipeline: pipeline.name });
  const ingest = await startIngest(pipeline, {
    instance: env.instance,
    kafka,
    registry,
    files: new SftpFiles(pipeline.source.sftp),
    byteBudget,
    clock,
    random,
    workFolder: env.workFolder,
    emit: (event) => telemetry.emit(event),
  });
  return {
    status: () => ({
      ready: ingest.host.joined,
      detail: { partitions: ingest.host.status().map(describe), serverAnswers: !ingest.health.down },
    }),
    lastProgressAt: () => ingest.turns.slowest(),
    done: ingest.host.done,
    stop: () => ingest.stop(),
  };
}

function notFiles(pipeline: Pipeline): MillraceError {
  const message = `Pipeline ${pipeline.name} has no files.`;
  return new MillraceError({ kind: 'bug', code: 'MR-BUG', message });
}

function describe(status: {
  readonly partition: number;
  readonly state: string;
  readonly error?: Error;
}): object {
  const { partition, state, error } = status;
  return error ? { partition, state, error: error.message } : { partition, state };
}
