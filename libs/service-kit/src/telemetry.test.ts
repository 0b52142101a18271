import type { KafkaEvent } from '@millrace/kafka';
import { expect, test } from 'vitest';
import { keptLog } from '../test/log-lines.ts';
import { KAFKA_EVENTS, onlyChanges } from './kafka-events.ts';
import { counter, gauge, histogram } from './meter.ts';
import { Metrics } from './metrics.ts';
import { Redactor } from './redaction.ts';
import { createTelemetry, type EventTable } from './telemetry.ts';

type TestEvent =
  | { readonly type: 'moved'; readonly rows: number; readonly reason: string }
  | { readonly type: 'counted'; readonly rows: number };

const ROWS = counter('test_rows_total', 'Rows.', ['reason']);
const LAST = gauge('test_last_rows', 'Rows of the last.');
const TABLE: EventTable<TestEvent> = {
  moved: {
    level: (event) => (event.rows > 5 ? 'warn' : 'debug'),
    message: (event) => `${event.rows} rows moved`,
    metrics: (meter, event) => meter.add(ROWS, event.rows, { reason: event.reason }),
  },
  counted: { level: 'none', message: 'counted', metrics: (meter, event) => meter.set(LAST, event.rows) },
};

test('one event gives its line and its metrics', async () => {
  const redactor = new Redactor();
  redactor.learn(['hunter2']);
  const { log, lines } = keptLog('info', redactor);
  const metrics = new Metrics();
  const telemetry = createTelemetry<TestEvent>({ log, metrics }, TABLE, { pipeline: 'p', sink: 's' });
  telemetry.emit({ type: 'moved', rows: 9, reason: 'hunter2 has a reason' });
  telemetry.emit({ type: 'moved', rows: 1, reason: 'quiet' });
  telemetry.emit({ type: 'counted', rows: 3 });
  expect(lines).toMatchObject([
    {
      level: 'warn',
      event: 'moved',
      msg: '9 rows moved',
      rows: 9,
      pipeline: 'p',
      sink: 's',
      service: 'test',
      reason: '[secret] has a reason',
    },
  ]);
  const text = await metrics.text();
  expect(text).toContain('test_rows_total{pipeline="p",sink="s",reason="quiet"} 1');
  expect(text).toContain('test_last_rows{pipeline="p",sink="s"} 3');
});

test('labels cannot eat the memory: series are bounded and the rest is counted', async () => {
  const metrics = new Metrics();
  const meter = metrics.meter({});
  for (let i = 0; i < 1_500; i += 1) meter.add(ROWS, 1, { reason: `r${i}` });
  meter.add(ROWS, 1, { reason: 'r0' });
  const text = await metrics.text();
  expect(text.match(/^test_rows_total\{/gm)).toHaveLength(1_000);
  expect(text).toContain('test_rows_total{reason="r0"} 2');
  expect(text).toContain('millrace_metric_series_dropped_total{metric="test_rows_total"} 500');
});

test('a metric is used as what it was declared', async () => {
  const metrics = new Metrics();
  const meter = metrics.meter({});
  expect(() => meter.set(ROWS, 1, { reason: 'x' })).toThrow(/is a counter/);
  meter.add(ROWS, 1, { reason: 'x' });
  expect(() => meter.set(gauge('test_rows_total', 'Again.'), 1)).toThrow(/declared twice/);
  meter.observe(histogram('test_seconds', 'S.', [0.1, 1]), 0.5);
  meter.set(LAST, Number.NaN);
  const text = await metrics.text();
  expect(text).toContain('test_seconds_bucket{le="1"} 1');
  expect(text).not.toContain('NaN');
});

test('Kafka lost and back: one line at each change', () => {
  const { log, lines } = keptLog();
  const emit = onlyChanges(createTelemetry<KafkaEvent>({ log, metrics: new Metrics() }, KAFKA_EVENTS));
  const lost: KafkaEvent = { type: 'broker-lost', error: new Error('ECONNREFUSED') };
  const back: KafkaEvent = { type: 'broker-back', downMs: 10 };
  for (const event of [back, lost, lost, back, back, lost]) emit(event);
  // What the client says about each connection attempt; what it warns of is an operator's business.
  emit({ type: 'client-log', level: 'debug', message: 'connection error' });
  emit({ type: 'client-log', level: 'warn', message: 'a partition has no leader' });
  const seen = ['broker-lost', 'broker-back', 'broker-lost', 'client-log'];
  expect(lines.map((line) => line.event)).toEqual(seen);
});
