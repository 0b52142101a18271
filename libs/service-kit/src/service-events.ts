import { counter, gauge } from './meter.ts';
import type { EventTable } from './telemetry.ts';

/** What happens to the process itself. */
export type ServiceEvent =
  | { readonly type: 'started'; readonly pipelines: readonly string[]; readonly http: string }
  | { readonly type: 'no-pipelines'; readonly folder: string }
  | { readonly type: 'file-error'; readonly problem: string; readonly code: string; readonly remedy: string }
  | {
      readonly type: 'file-warning';
      readonly problem: string;
      readonly code: string;
      readonly remedy: string;
    }
  | { readonly type: 'stopping'; readonly reason: string; readonly deadlineMs: number }
  | { readonly type: 'stopped'; readonly code: number; readonly ms: number }
  | { readonly type: 'stopped-at-once'; readonly reason: string }
  | { readonly type: 'stop-overdue'; readonly waitingFor: readonly string[] }
  | { readonly type: 'close-failed'; readonly what: string; readonly error: unknown }
  | { readonly type: 'crashed'; readonly what: string; readonly error: unknown };

const FILE_ERRORS = counter('millrace_pipeline_file_problems_total', 'Problems found in pipeline files.', [
  'severity',
]);

export const SERVICE_EVENTS: EventTable<ServiceEvent> = {
  started: { level: 'info', message: 'started' },
  'no-pipelines': { level: 'warn', message: 'no pipeline needs this service: there is nothing to do' },
  'file-error': {
    level: 'error',
    message: (event) => event.problem,
    metrics: (meter) => meter.add(FILE_ERRORS, 1, { severity: 'error' }),
  },
  'file-warning': {
    level: 'warn',
    message: (event) => event.problem,
    metrics: (meter) => meter.add(FILE_ERRORS, 1, { severity: 'warning' }),
  },
  stopping: { level: 'info', message: (event) => `stopping: ${event.reason}` },
  stopped: {
    level: (event) => (event.code === 0 ? 'info' : 'error'),
    message: (event) => (event.code === 0 ? 'stopped' : 'stopped, not everything could be finished'),
  },
  'stopped-at-once': { level: 'warn', message: (event) => `stopped at once: ${event.reason}` },
  'stop-overdue': { level: 'error', message: 'the deadline for stopping has passed' },
  'close-failed': { level: 'error', message: (event) => `${event.what} could not be closed` },
  crashed: { level: 'error', message: (event) => `the process ends: ${event.what}` },
};

/** What happens to one pipeline in this process. */
export type PipelineEvent =
  | { readonly type: 'pipeline-started' }
  | { readonly type: 'pipeline-retrying'; readonly error: Error; readonly retryInMs: number }
  | { readonly type: 'pipeline-start-failed'; readonly kind: string }
  | {
      readonly type: 'pipeline-halted';
      readonly code: string;
      readonly remedy: string;
      readonly error: Error;
    }
  | { readonly type: 'pipeline-stopped' }
  | { readonly type: 'pipeline-stop-failed'; readonly error: unknown };

const RUNNING = gauge('millrace_pipeline_running', '1 while this process runs its part of the pipeline.');
const HALTED = gauge('millrace_pipeline_halted', '1 when the pipeline waits for a person.');
const START_FAILURES = counter('millrace_pipeline_start_failures_total', 'Failed starts.', ['kind']);

export const PIPELINE_EVENTS: EventTable<PipelineEvent> = {
  'pipeline-started': {
    level: 'info',
    message: 'pipeline started',
    metrics(meter) {
      meter.set(RUNNING, 1);
      meter.set(HALTED, 0);
    },
  },
  'pipeline-retrying': { level: 'warn', message: 'pipeline cannot start yet, trying again' },
  'pipeline-start-failed': {
    level: 'none',
    message: 'pipeline could not start',
    metrics: (meter, event) => meter.add(START_FAILURES, 1, { kind: event.kind }),
  },
  'pipeline-halted': {
    level: 'error',
    message: 'pipeline halted until a person acts',
    metrics(meter) {
      meter.set(RUNNING, 0);
      meter.set(HALTED, 1);
    },
  },
  'pipeline-stopped': {
    level: 'info',
    message: 'pipeline stopped',
    metrics: (meter) => meter.set(RUNNING, 0),
  },
  'pipeline-stop-failed': { level: 'error', message: 'pipeline could not finish what it had begun' },
};
