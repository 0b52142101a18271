import { z } from 'zod';
import { opcuaSource } from './opcua-source.ts';
import { duration, integer, streamName, text } from './scalars.ts';
import { sink } from './sink.ts';
import { fileSource } from './source.ts';
import { record, transform } from './stream.ts';

/** A pipeline file as people write it: parsing, defaults, the editors' schema and the reference come from this. */
export const pipelineShape = z
  .strictObject({
    pipeline: streamName('Name of the pipeline: starts the names of its topics.'),
    description: text('What it is for.').default(''),
    generation: integer(
      'Raise it to start over with fresh topics, after a change of key, dedupe, outputs or partitions.',
      1,
      9_999,
    ).default(1),
    partitions: integer('Partitions of each of its topics.', 1, 1_024).default(8),
    retention: duration('How long Kafka keeps the data.', 60_000, 3_650 * 86_400_000).prefault('14d'),
    source: z
      .union([fileSource, opcuaSource])
      .describe('Where the records come from: `sftp` and `files`, or `opcua`.'),
    record: record.prefault({}),
    transform: transform.prefault({}),
    sinks: z
      .record(streamName('Sink.'), sink)
      .describe('Tables that the outputs are written to, by name.')
      .default({}),
  })
  .describe('A Millrace pipeline: source, record, transform, sinks.');

export type PipelineShape = z.output<typeof pipelineShape>;
export type SinkShape = PipelineShape['sinks'][string];
export type FileSourceShape = z.output<typeof fileSource>;
export type OpcuaSourceShape = z.output<typeof opcuaSource>;
