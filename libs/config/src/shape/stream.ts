import { z } from 'zod';
import { duration, fieldName, flag, list, streamName, text } from './scalars.ts';
import { onTruncation } from './truncation.ts';

const FIELD_TYPE =
  /^(string|boolean|int32|int64|float64|timestamp|date|bytes|decimal\([1-9]\d?,(0|[1-9]\d?)\))$/;

const type = z
  .string()
  .transform((value) => value.replaceAll(' ', ''))
  .pipe(
    z
      .string()
      .regex(
        FIELD_TYPE,
        'This is no type.|Write string, boolean, int32, int64, float64, decimal(18,4), timestamp, date or bytes.',
      ),
  )
  .describe(
    'string, boolean, int32, int64, float64, decimal(precision,scale), timestamp (microseconds), date or bytes.',
  );

const optional = flag('Whether it can be null.').default(false);

export const record = z
  .strictObject({
    key: z
      .array(fieldName('Field.'))
      .min(1, 'The key is empty.|Name at least one field.')
      .describe('Fields that make the message key: records of a key stay in order. Of readings: `[tag]`.')
      .optional(),
    fields: z
      .record(
        fieldName('Field.'),
        z
          .strictObject({
            type,
            from: text('Column of the source. Default: the name of the field.').optional(),
            optional,
          })
          .describe('A field.'),
      )
      .describe('The fields of the record, in order. Those of readings are fixed.')
      .optional(),
  })
  .describe('What a row becomes.');

const cel = (about: string) => text(`${about} A CEL expression.`).meta({ format: 'cel' });

const rule = z
  .strictObject({
    reject: z
      .string()
      .regex(
        /^[A-Z0-9][A-Z0-9-]*$/,
        'This is no reason code.|Write capitals, digits and hyphens: OUT-OF-RANGE.',
      )
      .describe('Sends the record to the dead letters, under this reason code.')
      .optional(),
    filter: text('Drops and counts the record, under this name.').optional(),
    when: cel('When it applies, over the fields of the record.'),
    message: text('What the dead letter says.').optional(),
  })
  .describe('A rule: `reject` or `filter`, and `when`.');

const output = z
  .strictObject({
    when: cel(
      'Only records for which this is true. A record may go to several outputs or to none.',
    ).optional(),
    key: list(
      fieldName('Field.'),
      'Fields that make the message key. Default: the key of the record.',
    ).optional(),
    fields: list(fieldName('Field.'), 'Fields of the output, in order. Default: all.').optional(),
  })
  .describe('A stream that leaves the transformer.');

export const transform = z
  .strictObject({
    rules: list(rule, 'In order; the first that applies decides.').default([]),
    compute: z
      .record(
        fieldName('Field.'),
        z
          .strictObject({
            type,
            cel: cel('Its value, over the fields of the record and those computed above.'),
            optional,
          })
          .describe('A computed field.'),
      )
      .describe('Fields added to the record, or replacing one, in order. Rules do not see them.')
      .default({}),
    dedupe: z
      .strictObject({
        key: z
          .array(fieldName('Field.'))
          .min(1, 'The key is empty.|Name at least one field.')
          .describe('Records with the same values in these fields are duplicates: the first wins.'),
        window: duration('How long a key is remembered.', 1_000, 366 * 86_400_000).prefault('7d'),
      })
      .describe('Drops duplicates.')
      .optional(),
    outputs: z
      .record(streamName('Output.'), output)
      .describe('Streams that leave the transformer. Default: one, `clean`, with all fields.')
      .optional(),
    onTruncation,
  })
  .describe('What happens to the records on their way.');
