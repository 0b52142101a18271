import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AggregateDef } from '@millrace/config';
import { expect, it } from 'vitest';
import {
  createAggregate,
  forgetAggregates,
  hypertable,
  REFRESH_ANSWERS,
  refreshAggregate,
  registerAggregate,
  seedAggregate,
} from './aggregate-sql.ts';
import { agePolicy, createContinuousAggregate, rowLimitCut, trimCommunity } from './community-sql.ts';
import { trimAggregate, trimSeries } from './drop-sql.ts';
import { type Series, seriesBookkeeping } from './series.ts';
import type { Server } from './server.ts';
import { claimProgress, touchStatements } from './touch-sql.ts';

/** The SQL that reaches the database, so that a review sees what a change does. `MILLRACE_GOLDEN=write` renews it. */
const GOLDEN = join(import.meta.dirname, '..', '..', 'test', 'golden');

const AGGREGATE: AggregateDef = {
  name: 'rolling_avg',
  everyMs: 60_000,
  overMs: 60_000,
  by: ['tag"name'],
  select: [
    { name: 'avg_value', fn: 'avg', of: 'Value' },
    { name: 'n', fn: 'count', of: null },
    { name: 'newest', fn: 'last', of: 'Value' },
  ],
  retentionMs: 7_776_000_000,
};
const SERIES: Series = {
  schema: 'public',
  table: "sensor'data",
  time: 'Time',
  key: ['tag"name', 'Time'],
  chunkMs: 3_600_000,
  retention: { rows: 100_000, ageMs: 2_592_000_000, everyMs: 3_600_000 },
  aggregates: [AGGREGATE],
};
const server = (kind: Server['kind']): Server => ({
  kind,
  version: '2.19.3',
  extensionSchema: 'public',
  description: '',
});
const APACHE = server('apache');
const COMMUNITY = server('community');
const PLACE = { schema: 'public', sink: 'plant/scraper/sensors', topic: 'scraper.clean', partition: 3 };
const VIEW = { schema: 'public', table: AGGREGATE.name };

const STATEMENTS: Readonly<Record<string, readonly string[]>> = {
  'bookkeeping.sql': [...seriesBookkeeping('public').values()],
  'touch.sql': [...touchStatements(SERIES, PLACE), claimProgress(SERIES, PLACE)],
  'hypertable.sql': [hypertable(SERIES, SERIES.time, SERIES.chunkMs, APACHE)],
  'aggregate-apache.sql': [
    ...createAggregate(SERIES, AGGREGATE, APACHE),
    ...registerAggregate(SERIES, AGGREGATE, true),
    seedAggregate(SERIES, AGGREGATE),
  ],
  'aggregate-plain.sql': createAggregate(SERIES, { ...AGGREGATE, by: [] }, server('plain')),
  'forget.sql': [forgetAggregates(SERIES)],
  'refresh.sql': [refreshAggregate(SERIES, AGGREGATE)],
  'trim-apache.sql': [trimSeries(SERIES, APACHE), trimAggregate(VIEW, 7_776_000_000, APACHE)],
  'trim-plain.sql': [trimSeries(SERIES, server('plain'))],
  // Not run anywhere: no server of the community edition can be had here.
  'community-not-run.sql': [
    ...createContinuousAggregate(SERIES, AGGREGATE, COMMUNITY),
    agePolicy(SERIES, COMMUNITY) ?? '',
    rowLimitCut(SERIES),
    ...trimCommunity(SERIES, '2026-01-01 00:00:00+00', COMMUNITY),
  ],
};

it.each(Object.entries(STATEMENTS))('%s is as committed', (name, statements) => {
  const file = join(GOLDEN, name);
  const text = `${statements.join(';\n\n')};\n`;
  if (process.env.MILLRACE_GOLDEN === 'write') writeFileSync(file, text);
  expect(existsSync(file) ? readFileSync(file, 'utf8') : 'missing: run with MILLRACE_GOLDEN=write').toBe(
    text,
  );
});

it('the answers of a refresh stand where they are looked for', () => {
  const statements = refreshAggregate(SERIES, AGGREGATE).split(';\n');
  expect(statements[REFRESH_ANSWERS.due]).toContain('INSERT INTO pg_temp.millrace_due');
  expect(statements[REFRESH_ANSWERS.late]).toContain('dropped_before');
  expect(statements[REFRESH_ANSWERS.left]).toContain('AS left');
});
