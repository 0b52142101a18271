import type { CataloguedPipeline } from '@millrace/contracts';
import type { FieldDef } from '@millrace/core';
import type { FilePipeline, OutputDef, Pipeline, RecordDef, SinkDef, TransformDef } from './model.ts';
import type { OpcuaPipeline } from './opcua-model.ts';

export function isFilePipeline(pipeline: Pipeline): pipeline is FilePipeline {
  return pipeline.source.kind === 'files';
}

export function isOpcuaPipeline(pipeline: Pipeline): pipeline is OpcuaPipeline {
  return pipeline.source.kind === 'opcua';
}

export function outputsOf(pipeline: Pipeline): readonly OutputDef[] {
  return pipeline.transform.outputs;
}

/** The sinks that read this output. */
export function sinksOf(pipeline: Pipeline, output: string): readonly SinkDef[] {
  return pipeline.sinks.filter((sink) => sink.output === output);
}

/** Fields that rules, outputs and dedupe see: those of the record, each replaced or followed by the computed ones. */
export function transformedFields(pipeline: {
  readonly record: Pick<RecordDef, 'fields'>;
  readonly transform: Pick<TransformDef, 'compute'>;
}): readonly FieldDef[] {
  const fields = new Map<string, FieldDef>(pipeline.record.fields.map((field) => [field.name, field]));
  for (const field of pipeline.transform.compute) fields.set(field.name, field);
  return [...fields.values()].map(({ name, type, optional }) => ({ name, type, optional }));
}

/** What `pipelineTopics` of `@millrace/contracts` wants to know. */
export function cataloguedPipeline(pipeline: Pipeline): CataloguedPipeline {
  const { name, generation, partitions, retentionMs } = pipeline;
  return {
    name,
    generation,
    partitions,
    retentionMs,
    outputs: outputsOf(pipeline).map((output) => output.name),
  };
}
