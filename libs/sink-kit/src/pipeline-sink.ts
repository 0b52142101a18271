import { hostname } from 'node:os';
import { cataloguedPipeline, outputsOf, type Pipeline, type SinkDef } from '@millrace/config';
import { pipelineTopics, type ServiceName } from '@millrace/contracts';
import { MillraceError } from '@millrace/core';
import { type RunningSink, type SinkDeps, startSink } from './sink.ts';

export interface PipelineSinkDeps extends Omit<SinkDeps, 'owner'> {
  readonly instance: string;
  readonly service: ServiceName;
}

/** Starts a sink as its pipeline file describes it. */
export function startPipelineSink(
  pipeline: Pipeline,
  sink: SinkDef,
  { instance, service, kafka, registry, target, byteBudget, clock, emit }: PipelineSinkDeps,
): Promise<RunningSink> {
  const output = outputsOf(pipeline).find((one) => one.name === sink.output);
  if (output === undefined) throw noOutput(pipeline, sink);
  const { name, layoutHash, onTruncation, batchRecordsMax, badRows } = sink;
  const topics = pipelineTopics(cataloguedPipeline(pipeline));
  return startSink(
    {
      ...{ instance, service, pipeline, name, output, topics },
      ...{ layoutHash, onTruncation, batchRecordsMax, badRows },
    },
    { kafka, registry, target, byteBudget, clock, owner: `${hostname()}/${process.pid}`, emit },
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
