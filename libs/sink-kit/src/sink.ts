import {
  type AvroRecordSchema,
  DEAD_LETTER_SCHEMA,
  LEDGER_DEFINITION,
  LEDGER_ENTRY_SCHEMA,
  LEDGER_TOPIC,
  ledgerName,
  ownTypeOptions,
  type PipelineId,
  type ServiceName,
  sinkGroupId,
  sinkStage,
  sinkTransactionalId,
  streamSchema,
  streamType,
  type TopicDefinition,
  topics,
} from '@millrace/contracts';
import type { ByteBudget, Clock, FieldDef, RecordValue } from '@millrace/core';
import {
  createWireDecoder,
  createWireEncoder,
  type KafkaClient,
  type PartitionHost,
  type SchemaRegistry,
} from '@millrace/kafka';
import { DeadLetterWriter } from './dead-letters.ts';
import type { SinkEvent } from './events.ts';
import { PartitionSink, type SinkParts } from './partition-sink.ts';
import type { SinkTarget } from './port.ts';
import { Progress } from './progress.ts';
import { Tolerance, type ToleranceOptions } from './tolerance.ts';
import { TroubleTeller } from './trouble.ts';

/** Which sink of which pipeline. */
export interface SinkDescription {
  readonly instance: string;
  readonly service: ServiceName;
  readonly pipeline: PipelineId & { readonly partitions: number };
  readonly name: string;
  readonly output: { readonly name: string; readonly fields: readonly FieldDef[] };
  /** Topics of the pipeline, made when they are missing. */
  readonly topics: readonly TopicDefinition[];
  readonly layoutHash: string;
  readonly onTruncation: 'halt' | 'gap';
  readonly batchRecordsMax: number;
  /** Among the last 10,000 rows. */
  readonly badRows: ToleranceOptions;
}

export interface SinkDeps {
  readonly kafka: KafkaClient;
  readonly registry: SchemaRegistry;
  readonly target: SinkTarget;
  readonly byteBudget: ByteBudget;
  readonly clock: Clock;
  /** This process, for people who look into the target. */
  readonly owner: string;
  readonly emit: (event: SinkEvent) => void;
}

export interface RunningSink {
  readonly host: PartitionHost;
  lastProgressAt(): number;
}

/**
 * Joins the sink's group and carries its share of the output's partitions into the target, exactly once.
 * @throws MillraceError `halt` for topics with other partition counts, `transient` when Kafka or the registry is away
 */
export async function startSink(description: SinkDescription, deps: SinkDeps): Promise<RunningSink> {
  const { instance, service, pipeline, name } = description;
  const { kafka, clock, emit } = deps;
  await kafka.ensureTopics([...description.topics, LEDGER_DEFINITION]);
  const trouble = new TroubleTeller(clock, emit);
  const progress = new Progress(clock);
  let host: PartitionHost | null = null;
  const isOurs = (partition: number): boolean =>
    host === null || host.status().some((one) => one.partition === partition);
  const parts = await sinkParts(description, deps, progress, (partition, next) => {
    trouble.settled(partition, isOurs);
    host?.commitForTools(partition, next);
  });
  host = kafka.host({
    groupId: sinkGroupId(instance, service, pipeline, name),
    topic: parts.topic,
    runner: async (partition, signal) => {
      try {
        await PartitionSink.run(parts, partition, signal);
        trouble.settled(partition, isOurs);
      } catch (error) {
        if (signal.aborted) trouble.settled(partition, isOurs);
        else trouble.failed(partition, error);
        throw error;
      }
    },
  });
  return { host, lastProgressAt: () => progress.lastProgressAt() };
}

async function sinkParts(
  description: SinkDescription,
  deps: SinkDeps,
  progress: Progress,
  worked: SinkParts['worked'],
): Promise<SinkParts> {
  const { instance, service, pipeline, name, output, layoutHash, onTruncation, batchRecordsMax, badRows } =
    description;
  const { kafka, registry, target, byteBudget, clock, owner, emit } = deps;
  const topic = topics.output(pipeline, output.name);
  const deadLetterTopic = topics.deadLetters(pipeline);
  const schema: AvroRecordSchema = streamSchema(pipeline, output.name, output.fields);
  const stage = sinkStage(name);
  const letters = await createWireEncoder(registry, deadLetterTopic, DEAD_LETTER_SCHEMA, ownTypeOptions());
  return {
    pipeline: ledgerName(pipeline),
    stage,
    output: output.name,
    topic,
    transactionalId: (partition) => sinkTransactionalId(instance, service, pipeline, name, partition),
    layoutHash,
    owner,
    onTruncation,
    batchRecordsMax,
    kafka,
    target,
    decoder: createWireDecoder<RecordValue>(registry, streamType(schema)),
    ledgerEncoder: await createWireEncoder(registry, LEDGER_TOPIC, LEDGER_ENTRY_SCHEMA, ownTypeOptions()),
    deadLetters: new DeadLetterWriter({
      pipeline: pipeline.name,
      stage,
      inputTopic: topic,
      topic: deadLetterTopic,
      partitions: pipeline.partitions,
      encoder: letters,
      clock,
    }),
    tolerance: new Tolerance(badRows),
    byteBudget,
    progress,
    clock,
    emit,
    worked,
  };
}
