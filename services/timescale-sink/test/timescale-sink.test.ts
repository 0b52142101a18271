import { Secret, type SinkDef } from '@millrace/config';
import { ByteBudget, systemClock } from '@millrace/core';
import { waitFor } from '@millrace/testkit';
import { describe, expect, inject, it } from 'vitest';
import { open } from '../../../libs/postgres/test/table-harness.ts';
import { historianSink, pipelineOf } from '../../sql-sink/test/fixtures.ts';
import { Harness } from '../../sql-sink/test/harness.ts';
import { readings } from '../../sql-sink/test/plant.ts';
import type { TimescaleEvent } from '../src/events.ts';
import { startSinkPipeline } from '../src/pipeline.ts';
import { createDatabase } from './databases.ts';

const STACK = inject('stack');
const LOADS = ['aaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbb'] as const;
const ROWS = 6_000;

function seriesSink(url: string): SinkDef {
  return historianSink(url, 'public', {
    target: {
      kind: 'timescale',
      url: new Secret(url),
      series: {
        time: 'Timestamp',
        chunkMs: 3_600_000,
        retention: { rows: 1_000, ageMs: null, everyMs: 1_000 },
        aggregates: [
          {
            name: 'per_minute',
            everyMs: 1_000,
            overMs: 60_000,
            by: ['TagName'],
            select: [
              { name: 'n', fn: 'count', of: null },
              { name: 'total', fn: 'sum', of: 'Value' },
            ],
            retentionMs: null,
          },
        ],
      },
    },
  });
}

describe.each(['apache', 'plain'] as const)('an output topic and a series of kind %s', (kind) => {
  it('each row arrives once, is in the aggregates, and goes when it is beyond the limit', async () => {
    const { KAFKA_BROKERS = '', SCHEMA_REGISTRY_URL = '' } = STACK;
    const url = await createDatabase(STACK, kind);
    const harness = await Harness.start({ brokers: KAFKA_BROKERS, registryUrl: SCHEMA_REGISTRY_URL });
    const sink = seriesSink(url);
    const pipeline = pipelineOf(`series-${kind}-${process.pid}`, 2, [sink]);
    await harness.create(pipeline);
    const events: TimescaleEvent[] = [];
    const { kafka, registry } = harness;
    const byteBudget = new ByteBudget(64 << 20);
    const context = { instance: 'test', kafka, registry, clock: systemClock, byteBudget };
    const running = await startSinkPipeline(pipeline, sink, context, (event) => void events.push(event));
    const database = await open(url);
    try {
      for (const [i, load] of LOADS.entries())
        await harness.publish(
          pipeline,
          readings(load, ROWS, () => ({}), { first: i * ROWS }),
        );
      const kept = await waitFor(
        async () => {
          const [found] = await database
            .rows<{ n: number; total: string; rows: number }>(
              'SELECT sum(n)::int AS n, sum(total) AS total, (SELECT count(*)::int FROM "TagData") AS rows FROM per_minute',
              [],
              'test',
            )
            // Nothing of it exists before the sink has begun.
            .catch(() => []);
          return found?.n === LOADS.length * ROWS && found.rows < 1_000 + 100 && found;
        },
        { what: 'all rows in the aggregate and the table at its limit', deadlineMs: 60_000 },
      );
      expect(Number(kept.total)).toBeCloseTo((LOADS.length * ROWS * (ROWS + 1)) / 2 / 7, 3);
      expect(kept.rows).toBeGreaterThanOrEqual(1_000);
      expect(running.detail?.()).toMatchObject({ kind, upkeep: 'leading' });
      const told = events.filter((event) => event.type === 'server');
      expect(told.map((event) => event.kind)).toEqual([kind]);
      expect(events.filter((event) => /rouble|late/.test(event.type))).toEqual([]);
      const inserted = new Map<string, number>();
      for (const { loadId, sink: counts } of await harness.ledger(pipeline))
        if (counts) inserted.set(loadId, (inserted.get(loadId) ?? 0) + counts.inserted);
      expect([...inserted].sort()).toEqual(LOADS.map((load) => [load, ROWS]));
    } finally {
      await running.host.stop();
      await running.stop?.();
      await database.close();
      await harness.stop();
    }
  });
});
