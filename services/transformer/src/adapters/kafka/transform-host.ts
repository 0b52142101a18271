import { cataloguedPipeline, type Pipeline } from '@millrace/config';
import {
  DEAD_LETTER_SCHEMA,
  groupId,
  LEDGER_DEFINITION,
  LEDGER_ENTRY_SCHEMA,
  LEDGER_TOPIC,
  ownTypeOptions,
  pipelineTopics,
  topics,
} from '@millrace/contracts';
import type { ByteBudget, Clock } from '@millrace/core';
import {
  createWireEncoder,
  type KafkaClient,
  type PartitionHost,
  type SchemaRegistry,
} from '@millrace/kafka';
import { compileTransform } from '../../domain/program.ts';
import type { TransformEvent } from '../../events.ts';
import { TransformPipeline } from '../../pipeline.ts';
import { OutputStream } from './output-stream.ts';
import { PartitionRun, type RunnerDeps } from './partition-runner.ts';
import { Progress } from './progress.ts';
import { WireRawReader } from './raw-reader.ts';

export interface TransformHostDeps {
  readonly instance: string;
  readonly kafka: KafkaClient;
  readonly registry: SchemaRegistry;
  readonly clock: Clock;
  readonly byteBudget: ByteBudget;
  readonly emit: (event: TransformEvent) => void;
}

export interface TransformHost {
  readonly host: PartitionHost;
  readonly progress: Progress;
}

/**
 * Joins the pipeline's group and runs its share of the raw topic's partitions.
 * @throws MillraceError `config` for expressions, `halt` for topics with other partition counts or a schema that
 * the registry refuses, `transient` when Kafka or the registry is away
 */
export async function startTransformHost(
  pipeline: Pipeline,
  deps: TransformHostDeps,
): Promise<TransformHost> {
  const { instance, kafka, registry, clock, byteBudget, emit } = deps;
  const program = compileTransform(pipeline);
  await kafka.ensureTopics([...pipelineTopics(cataloguedPipeline(pipeline)), LEDGER_DEFINITION]);
  const outputs = await Promise.all(
    pipeline.transform.outputs.map((output, i) =>
      OutputStream.open(pipeline, output, program.outputs[i]?.untouched ?? false, registry),
    ),
  );
  const reader = new WireRawReader(pipeline, registry, (schemaId, schema) => {
    for (const output of outputs) output.learnWriterSchema(schemaId, schema);
  });
  const deadLetterTopic = topics.deadLetters(pipeline);
  const progress = new Progress(clock);
  let host: PartitionHost | null = null;
  const runner: RunnerDeps = {
    pipeline,
    instance,
    kafka,
    clock,
    byteBudget,
    transform: new TransformPipeline(program, reader),
    reader,
    writer: {
      pipeline: pipeline.name,
      partitions: pipeline.partitions,
      rawTopic: topics.raw(pipeline),
      deadLetterTopic,
      outputs,
      deadLetters: await createWireEncoder(registry, deadLetterTopic, DEAD_LETTER_SCHEMA, ownTypeOptions()),
      now: () => clock.now(),
    },
    ledger: await createWireEncoder(registry, LEDGER_TOPIC, LEDGER_ENTRY_SCHEMA, ownTypeOptions()),
    emit,
    committed: (partition, next) => host?.commitForTools(partition, next),
    progress,
  };
  host = kafka.host({
    groupId: groupId(instance, 'transformer', pipeline),
    topic: topics.raw(pipeline),
    runner: (partition, signal) => PartitionRun.run(runner, partition, signal),
  });
  return { host, progress };
}
