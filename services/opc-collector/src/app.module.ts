import { randomBytes } from 'node:crypto';
import { isOpcuaPipeline, type Pipeline } from '@millrace/config';
import { MillraceError } from '@millrace/core';
import { type PipelineHandle, type ServiceContext, serviceModule } from '@millrace/service-kit';
import { nodeDisk } from './adapters/disk/node-disk.ts';
import { openPki, type Pki } from './adapters/opcua/pki.ts';
import { COLLECTOR_EVENTS } from './events.ts';
import { startCollector } from './pipeline.ts';

/** The composition root: which adapters a collector of OPC UA tags is made of. */
export const AppModule = serviceModule({
  name: 'opc-collector',
  version: '0.1.0',
  needs: isOpcuaPipeline,
  start: startPipeline,
});

/** One certificate store per process, whatever the number of pipelines. */
let pki: Promise<Pki> | null = null;

async function startPipeline(pipeline: Pipeline, context: ServiceContext): Promise<PipelineHandle> {
  if (!isOpcuaPipeline(pipeline)) throw notLive(pipeline);
  const { env, kafka, registry, clock, random } = context;
  const telemetry = context.telemetry(COLLECTOR_EVENTS, { pipeline: pipeline.name });
  pki ??= openPki(env.workFolder);
  const collector = await startCollector(pipeline, {
    instance: env.instance,
    kafka,
    registry,
    disk: nodeDisk,
    pki: await pki,
    clock,
    random,
    newId: () => randomBytes(8).toString('hex'),
    workFolder: env.workFolder,
    emit: (event) => telemetry.emit(event),
  });
  return {
    status: () => ({ ready: collector.host.joined, detail: collector.detail() }),
    lastProgressAt: () => collector.turns.slowest(),
    done: collector.done,
    stop: () => collector.stop(),
  };
}

function notLive(pipeline: Pipeline): MillraceError {
  const message = `Pipeline ${pipeline.name} has no OPC UA servers.`;
  return new MillraceError({ kind: 'bug', code: 'MR-BUG', message });
}
