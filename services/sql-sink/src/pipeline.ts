import { hostname } from 'node:os';
import { cataloguedPipeline, outputsOf, type Pipeline, type SinkDef } from '@millrace/config';
import { pipelineTopics } from '@millrace/contracts';
import { MillraceError } from '@millrace/core';
import type { ServiceContext } from '@millrace/service-kit';
import { type RunningSink, type SinkEvent, type SinkTarget, startSink } from '@millrace/sink-kit';
import { postgresTarget } from './adapters/postgres/postgres-target.ts';

/** The databases that this service writes to. Another one is another folder in `adapters/` and a line here. */
const TARGETS: Readonly<
  Record<SinkDef['target']['kind'], (sink: SinkDef, pipeline: string, instance: string) => SinkTarget>
> = {
  postgres: (sink, pipeline, instance) => postgresTarget(sink, { instance, pipeline, sink: sink.name }),
};

/** What a sink needs of its process. */
export interface SinkContext extends Pick<ServiceContext, 'kafka' | 'registry' | 'clock' | 'byteBudget'> {
  readonly instance: string;
}

/**
 * output topic → stage → merge → commit.
 *
 * For each partition of `<pipeline>.<output>`: claim it in the target, go on from the offset that the target holds,
 * stage a batch outside of any transaction, then merge, count and move the offset in one. The engine of it is
 * `@millrace/sink-kit`, what is PostgreSQL's lies in `adapters/postgres` and `@millrace/postgres`.
 */
export function startSinkPipeline(
  pipeline: Pipeline,
  sink: SinkDef,
  context: SinkContext,
  emit: (event: SinkEvent) => void,
): Promise<RunningSink> {
  const { instance, kafka, registry, clock, byteBudget } = context;
  const output = outputsOf(pipeline).find((one) => one.name === sink.output);
  if (output === undefined) throw noOutput(pipeline, sink);
  return startSink(
    {
      instance,
      service: 'sql-sink',
      pipeline,
      name: sink.name,
      output,
      topics: pipelineTopics(cataloguedPipeline(pipeline)),
      layoutHash: sink.layoutHash,
      onTruncation: sink.onTruncation,
      batchRecordsMax: sink.batchRecordsMax,
      badRows: sink.badRows,
    },
    {
      kafka,
      registry,
      target: TARGETS[sink.target.kind](sink, pipeline.name, instance),
      byteBudget,
      clock,
      owner: `${hostname()}/${process.pid}`,
      emit,
    },
  );
}

function noOutput(pipeline: Pipeline, sink: SinkDef): MillraceError {
  return new MillraceError({
    kind: 'config',
    code: 'MR-SINK-NO-OUTPUT',
    message: `sink ${sink.name} of ${pipeline.name} takes output ${sink.output}, which the pipeline does not have`,
    remedy: 'Run millrace lint on the pipeline file.',
  });
}
