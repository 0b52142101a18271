export type { SinkEvent } from './events.ts';
export { type PipelineSinkDeps, startPipelineSink } from './pipeline-sink.ts';
export type {
  Advance,
  BadRow,
  ClaimRequest,
  Counting,
  LoadCounts,
  LoadDelta,
  Position,
  SinkRow,
  SinkSession,
  SinkTarget,
} from './port.ts';
export { type RunningSink, type SinkDeps, type SinkDescription, startSink } from './sink.ts';
