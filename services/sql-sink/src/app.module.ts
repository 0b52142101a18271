import { serviceModule, sinkService } from '@millrace/service-kit';
import { SINK_EVENTS } from './events.ts';
import { startSinkPipeline, TARGETS } from './pipeline.ts';

/** The composition root: what the service is made of. */
export const AppModule = serviceModule(
  sinkService({
    name: 'sql-sink',
    version: '0.1.0',
    events: SINK_EVENTS,
    takes: (sink) => TARGETS[sink.target.kind] !== undefined,
    start: startSinkPipeline,
  }),
);
