export { PROGRESS_DEADLINE_MS } from './health.ts';
export { KAFKA_EVENTS, onlyChanges } from './kafka-events.ts';
export { createLog, type Log, type LogSettings } from './log.ts';
export { counter, gauge, histogram, type Labels, type Meter, type MetricDef } from './meter.ts';
export { Metrics } from './metrics.ts';
export { type ServicePorts, systemPorts } from './ports.ts';
export { Redactor } from './redaction.ts';
export { DRAIN_DEADLINE_MS, runService } from './run-service.ts';
export type { PipelineHandle, PipelineStatus, ServiceContext, ServiceDefinition } from './service.ts';
export { type ServiceModule, serviceModule } from './service-module.ts';
export { SINK_EVENTS } from './sink-events.ts';
export {
  type SinkAtWork,
  type SinkContext,
  type SinkServiceDefinition,
  sinkService,
} from './sink-service.ts';
export {
  createTelemetry,
  type EventDef,
  type EventLevel,
  type EventTable,
  type Telemetry,
  type TelemetryDeps,
  type TelemetryScope,
} from './telemetry.ts';
