import type { SinkEvent } from '@millrace/sink-kit';
import { counter, gauge, histogram } from './meter.ts';
import type { EventTable } from './telemetry.ts';

const ROWS = counter('millrace_sink_rows_total', 'Rows handed to the target.', ['counting']);
const REJECTS = counter('millrace_sink_rejects_total', 'Rows set aside as dead letters.', ['reason']);
const GAPS = counter('millrace_sink_gap_records_total', 'Offsets deleted before they were written.');
const CLAIMS = counter('millrace_sink_claims_total', 'Partitions claimed.');
const LAG = gauge('millrace_sink_lag_records', 'Records behind the position in the target.', ['partition']);
const TROUBLE = gauge('millrace_sink_in_trouble', '1 while the sink cannot write.');
const BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BATCH = histogram('millrace_sink_batch_seconds', 'From a fetched run to its commit.', BUCKETS);
const APPLY = histogram('millrace_sink_apply_seconds', "Part of it in the target's transaction.", BUCKETS);

/** Each event of a sink with its log line and its metrics. */
export const SINK_EVENTS: EventTable<SinkEvent> = {
  claimed: {
    level: 'info',
    message: 'partition claimed in the target',
    metrics: (meter) => meter.add(CLAIMS, 1),
  },
  applied: {
    level: 'none',
    message: 'batch applied',
    metrics: (meter, event) => {
      meter.add(ROWS, event.rows, { counting: event.counting });
      meter.set(LAG, event.lag, { partition: event.partition });
      meter.observe(BATCH, event.seconds);
      meter.observe(APPLY, event.applySeconds);
    },
  },
  rejected: {
    level: 'warn',
    message: 'rows that the target cannot hold were set aside as dead letters',
    metrics: (meter, event) => {
      for (const [reason, n] of Object.entries(event.reasons)) meter.add(REJECTS, n, { reason });
    },
  },
  gap: {
    level: 'error',
    message: 'records were deleted before they were written; the gap is recorded, going on behind it',
    metrics: (meter, event) => meter.add(GAPS, event.to - event.from),
  },
  trouble: {
    level: (event) => (event.kind === 'transient' ? 'warn' : 'error'),
    message: (event) =>
      event.kind === 'transient'
        ? 'the target cannot be written now; trying again'
        : 'the sink cannot go on; see the remedy',
    metrics: (meter) => meter.set(TROUBLE, 1),
  },
  recovered: {
    level: 'info',
    message: 'the target is written again',
    metrics: (meter) => meter.set(TROUBLE, 0),
  },
};
