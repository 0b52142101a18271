import { counter, type EventTable, gauge, histogram } from '@millrace/service-kit';
import type { Gap } from './domain/position.ts';
import type { BatchSummary } from './pipeline.ts';

/** All that the transformer has to say. */
export type TransformEvent =
  | {
      readonly type: 'taken-over';
      readonly partition: number;
      readonly next: number;
      readonly loads: number;
      readonly dedupeChunks: number;
      readonly dedupeBytes: number;
      readonly ms: number;
    }
  | ({
      readonly type: 'batch-committed';
      readonly partition: number;
      readonly seconds: number;
      /** Offsets between this batch's end and the end of the log; markers count. */
      readonly lag: number;
      readonly outputs: Readonly<Record<string, number>>;
    } & BatchSummary)
  | {
      readonly type: 'unmarked-records';
      readonly partition: number;
      readonly records: number;
      readonly from: number;
    }
  | ({ readonly type: 'gap'; readonly partition: number } & Gap)
  | { readonly type: 'loads-dropped'; readonly partition: number; readonly loads: number };

const RECORDS = counter('millrace_transform_records_total', 'Records that got a verdict.', ['verdict']);
const REJECTS = counter('millrace_transform_rejects_total', 'Rejected records.', ['reason']);
const EMITTED = counter('millrace_transform_emitted_records_total', 'Records sent to outputs.', ['output']);
const UNMARKED = counter('millrace_transform_unmarked_records_total', 'Records without a readable mark.');
const GAPS = counter('millrace_transform_gap_records_total', 'Input offsets deleted before they were read.');
const LAG = gauge('millrace_transform_lag_offsets', 'Offsets not yet passed, markers included.', [
  'partition',
]);
const TAKEOVERS = counter('millrace_transform_takeovers_total', 'Partitions taken over.');
const BATCH = histogram(
  'millrace_transform_batch_seconds',
  'From a fetched batch to its commit.',
  [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
);

export const TRANSFORM_EVENTS: EventTable<TransformEvent> = {
  'taken-over': {
    level: 'info',
    message: 'partition taken over, state restored',
    metrics: (meter) => meter.add(TAKEOVERS, 1),
  },
  'batch-committed': {
    level: 'none',
    message: 'batch committed',
    metrics: (meter, event) => {
      meter.observe(BATCH, event.seconds);
      meter.set(LAG, event.lag, { partition: event.partition });
      for (const verdict of ['accepted', 'duplicates', 'filtered', 'rejected', 'replayed'] as const)
        if (event[verdict] > 0) meter.add(RECORDS, event[verdict], { verdict });
      for (const [reason, n] of event.reasons) meter.add(REJECTS, n, { reason });
      for (const [output, n] of Object.entries(event.outputs)) if (n > 0) meter.add(EMITTED, n, { output });
    },
  },
  'unmarked-records': {
    level: 'warn',
    message: 'records without a readable mark went to the dead letters, charged to no load',
    metrics: (meter, event) => meter.add(UNMARKED, event.records),
  },
  gap: {
    level: 'error',
    message: 'input was deleted before it was read; the gap is recorded, going on behind it',
    metrics: (meter, event) => meter.add(GAPS, event.to - event.from),
  },
  'loads-dropped': {
    level: 'debug',
    message: 'counters of idle loads dropped; later records open a new part',
  },
};
