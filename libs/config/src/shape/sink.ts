import { z } from 'zod';
import { flag, integer, list, text } from './scalars.ts';
import { seriesKeys } from './timescale.ts';
import { onTruncation } from './truncation.ts';

const postgres = z
  .strictObject({
    url: text(
      'Connection string, from the environment: postgres://user:password@host:5432/database. TLS is verified unless `sslmode` in it says otherwise.',
    ),
  })
  .describe('A PostgreSQL database.');

const merge = z
  .strictObject({
    key: z
      .array(text('Column.'))
      .min(1, 'The key is empty.|Name at least one column.')
      .describe('Columns that identify a row.'),
    version: list(
      text('Column.'),
      'Columns that decide which of two rows with the same key stays: the higher. File time, load and row are always appended; `[]` leaves it to them.',
    ).optional(),
  })
  .describe('One row per key: a higher version replaces a lower one.');

const column = z
  .union([
    text(
      'Field of the output; or `identity`: numbered by the database; or `insertTime`: time of the insert.',
    ),
    z
      .strictObject({
        field: text('Field of the output.'),
        sql: z
          .string()
          .regex(
            /^[A-Za-z][A-Za-z0-9_ ]*(\(\d+(,\s*\d+)?\))?[A-Za-z0-9_ ]*$/,
            'This is no SQL type.|Write a type like double precision, numeric(18,4) or timestamptz.',
          )
          .describe('Type of the column. Default: by the type of the field.')
          .optional(),
      })
      .describe('A field with the type of its column.'),
  ])
  .describe('What fills the column.');

const badRows = z
  .strictObject({
    max: integer('Most bad rows among the last 10,000.', 0, 10_000).default(50),
    percent: integer(
      'Largest share of them, in percent; five rows are let pass in any case.',
      0,
      100,
    ).default(5),
  })
  .describe(
    'How many rows that the table cannot hold are set aside as dead letters before the sink pauses instead: more than the lower of the two is not the fault of the rows.',
  );

export const sink = z
  .strictObject({
    postgres: postgres.optional(),
    ...seriesKeys,
    from: text('Output that it takes. Default: the only one.').optional(),
    table: text('Table, with an optional schema: `TagData`, `plant.TagData`.'),
    merge: merge.optional(),
    append: z.literal(true).describe('Every record becomes a row. Either this or `merge`.').optional(),
    columns: z
      .record(text('Column.'), column)
      .describe('The columns of the table, in order. Default: one per field of the output.')
      .optional(),
    indexes: list(list(text('Column.'), 'Columns.'), 'Further indexes, each a list of columns.').default([]),
    createTable: flag('Create the table when it is missing. `false` only compares it.').default(true),
    batch: integer('Most records in one transaction.', 1, 100_000).default(10_000),
    badRows: badRows.prefault({}),
    onTruncation,
  })
  .describe('A table that an output is written to.');
