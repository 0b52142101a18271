import type { ErrorKind } from '@millrace/core';
import { counter, type EventTable, gauge, histogram, SINK_EVENTS } from '@millrace/service-kit';
import type { SinkEvent } from '@millrace/sink-kit';
import type { ServerKind } from './domain/server.ts';

/** What the upkeep of a series has to say. */
export type UpkeepEvent =
  /** Once at start, and when the server has become another. */
  | {
      readonly type: 'server';
      readonly kind: ServerKind;
      readonly version: string;
      readonly description: string;
    }
  | { readonly type: 'leading' }
  | {
      readonly type: 'refreshed';
      readonly aggregate: string;
      readonly buckets: number;
      readonly seconds: number;
    }
  /** Rows came for buckets whose other rows are gone. */
  | { readonly type: 'late'; readonly aggregate: string; readonly buckets: number }
  | {
      readonly type: 'dropped';
      readonly table: string;
      readonly chunks: number;
      readonly rows: number;
      readonly before: string;
    }
  /** Once when the upkeep gets into trouble, not at each try. */
  | {
      readonly type: 'upkeepTrouble';
      readonly kind: ErrorKind;
      readonly code: string;
      readonly message: string;
      readonly remedy: string;
    }
  | { readonly type: 'upkeepRecovered' };

export type TimescaleEvent = SinkEvent | UpkeepEvent;

const LEADS = gauge('millrace_upkeep_leading', '1 in the process that looks after the series.');
const TROUBLE = gauge('millrace_upkeep_in_trouble', '1 while aggregates or retention cannot be kept up.');
const BUCKETS = counter('millrace_aggregate_buckets_total', 'Buckets computed again.', ['aggregate']);
const LATE = counter('millrace_aggregate_late_buckets_total', 'Buckets too old to be computed.', [
  'aggregate',
]);
const ROWS = counter('millrace_retention_rows_total', 'Rows deleted beside whole chunks.', ['table']);
const CHUNKS = counter('millrace_retention_chunks_total', 'Whole chunks dropped.', ['table']);
const REFRESH = histogram(
  'millrace_aggregate_refresh_seconds',
  'One refresh.',
  [0.01, 0.05, 0.1, 0.5, 1, 5, 30],
);

/** Each event with its log line and its metrics. */
export const TIMESCALE_EVENTS: EventTable<TimescaleEvent> = {
  ...SINK_EVENTS,
  server: { level: 'info', message: (event) => `the target is ${event.description}` },
  leading: {
    level: 'info',
    message: 'this process looks after aggregates and retention',
    metrics: (meter) => meter.set(LEADS, 1),
  },
  refreshed: {
    level: 'debug',
    message: 'aggregate brought up to date',
    metrics: (meter, event) => {
      meter.add(BUCKETS, event.buckets, { aggregate: event.aggregate });
      meter.observe(REFRESH, event.seconds);
    },
  },
  late: {
    level: 'warn',
    message: 'rows came that are older than what retention has dropped; their buckets keep their values',
    metrics: (meter, event) => meter.add(LATE, event.buckets, { aggregate: event.aggregate }),
  },
  dropped: {
    level: 'info',
    message: 'old rows were dropped',
    metrics: (meter, event) => {
      meter.add(ROWS, event.rows, { table: event.table });
      meter.add(CHUNKS, event.chunks, { table: event.table });
    },
  },
  upkeepTrouble: {
    level: (event) => (event.kind === 'transient' ? 'warn' : 'error'),
    message: 'aggregates and retention are not kept up now; trying again',
    metrics: (meter) => {
      meter.set(TROUBLE, 1);
      meter.set(LEADS, 0);
    },
  },
  upkeepRecovered: {
    level: 'info',
    message: 'aggregates and retention are kept up again',
    metrics: (meter) => meter.set(TROUBLE, 0),
  },
};
