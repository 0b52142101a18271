import { serviceModule, sinkService } from '@millrace/service-kit';
import { TIMESCALE_EVENTS } from './events.ts';
import { startSinkPipeline } from './pipeline.ts';

/** The composition root: what the service is made of. */
export const AppModule = serviceModule(
  sinkService({
    name: 'timescale-sink',
    version: '0.1.0',
    events: TIMESCALE_EVENTS,
    takes: (sink) => sink.target.kind === 'timescale',
    start: startSinkPipeline,
  }),
);
