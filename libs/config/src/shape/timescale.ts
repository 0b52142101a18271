import { z } from 'zod';
import { duration, integer, list, text } from './scalars.ts';

const DAY = 86_400_000;
const YEARS = 36_500 * DAY;

export const timescale = z
  .strictObject({
    url: text(
      'Connection string, from the environment: postgres://user:password@host:5432/database. TLS is verified unless `sslmode` in it says otherwise.',
    ),
  })
  .describe('A TimescaleDB database of any edition, or a PostgreSQL database without it.');

const retention = z
  .strictObject({
    rows: integer('Most rows in the table; older ones are dropped.', 1, 1_000_000_000_000).optional(),
    age: duration('Rows whose time lies further back are dropped.', 60_000, YEARS).optional(),
    every: duration('How often to look.', 1_000, 30 * DAY).prefault('1h'),
  })
  .describe('What the table keeps. Rows that an aggregate has not seen yet are never dropped.');

const aggregate = z
  .strictObject({
    every: duration('How often it is brought up to date.', 1_000, 30 * DAY),
    over: duration('Width of its buckets, counted from a Monday midnight, UTC.', 1_000, 366 * DAY),
    by: list(text('Column.'), 'Columns that it is grouped by.').default([]),
    select: z
      .record(text('Column of the aggregate.'), text('`avg(value)` and the like.'))
      .describe(
        'Its columns beside `bucket` and those of `by`: avg, min, max, sum, count, first or last of a column, or count(*).',
      ),
    retention: duration(
      'Buckets that lie further back are dropped. Default: none is.',
      DAY,
      YEARS,
    ).optional(),
  })
  .describe(
    'A continuous aggregate where the server has them, else a table of that name which is kept up to date.',
  );

/** What a sink may say when it is `timescale`. */
export const seriesKeys = {
  timescale: timescale.optional(),
  time: text('Column that the hypertable is cut by: a timestamp, part of the merge key.').optional(),
  chunk: duration('Time that one chunk of the hypertable holds. Default: 1d.', 60_000, 366 * DAY).optional(),
  retention: retention.optional(),
  aggregates: z
    .record(text('Aggregate.'), aggregate)
    .describe('Aggregates of the table, by name.')
    .optional(),
};
