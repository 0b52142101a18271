export { counter, gauge, histogram, type Labels, type Meter, type MetricDef } from './meter.ts';
export {
  type PipelineHandle,
  type PipelineStatus,
  runService,
  type ServiceContext,
  type ServiceDefinition,
  serviceModule,
} from './service.ts';
export {
  createTelemetry,
  type EventDef,
  type EventLevel,
  type EventTable,
  type Telemetry,
  type TelemetryContext,
} from './telemetry.ts';
