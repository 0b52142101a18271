import type { Pipeline, SinkDef } from '@millrace/config';
import { cataloguedPipeline } from '@millrace/config';
import {
  type LoadAccount,
  type LoadState,
  ledgerName,
  pipelineTopics,
  type StateStage,
  topics,
} from '@millrace/contracts';
import { asMillraceError } from '@millrace/core';
import type { KafkaClient } from '@millrace/kafka';
import type { Session } from '../session/session.ts';
import { sinkPositions } from '../sink/positions.ts';
import { foldTopic, partitionsOf } from '../topics/fold.ts';
import { readDeadLetters } from '../topics/own-records.ts';
import { lagOf, nextOf, type PartitionLag, totalLag } from './lag.ts';

export interface TopicStatus {
  readonly topic: string;
  /** 0 when it does not exist yet. */
  readonly partitions: number;
  /** Offsets between start and end, transaction markers included. */
  readonly records: number;
}

export interface StageStatus {
  /** `ingest`, `transform`, `sink.<name>`. */
  readonly stage: string;
  readonly input: string;
  readonly lag: number;
  readonly partitions: readonly PartitionLag[];
  /** Why the lag is not known. */
  readonly problem: string | null;
}

export interface PipelineStatus {
  readonly pipeline: string;
  readonly generation: number;
  readonly topics: readonly TopicStatus[];
  readonly stages: readonly StageStatus[];
  readonly loads: Readonly<Partial<Record<LoadState, number>>>;
  readonly deadLetters: number;
}

/** How one pipeline stands, from Kafka and its targets. */
export async function gatherStatus(
  session: Session,
  pipeline: Pipeline,
  accounts: readonly LoadAccount[],
): Promise<PipelineStatus> {
  const kafka = await session.kafka();
  const { signal } = session;
  const loads: Partial<Record<LoadState, number>> = {};
  for (const { state, pipeline: name } of accounts) {
    if (name === ledgerName(pipeline)) loads[state] = (loads[state] ?? 0) + 1;
  }
  const names = pipelineTopics(cataloguedPipeline(pipeline)).map(({ name }) => name);
  const [topicList, stages, letters] = await Promise.all([
    Promise.all(names.map((name) => topicStatus(kafka, name))),
    Promise.all([
      stateStage(kafka, pipeline, 'ingest', topics.tasks(pipeline), signal),
      stateStage(kafka, pipeline, 'transform', topics.raw(pipeline), signal),
      ...pipeline.sinks.map((sink) => sinkStageStatus(session, kafka, pipeline, sink)),
    ]),
    readDeadLetters(kafka, session.ownRegistry(), topics.deadLetters(pipeline), signal),
  ]);
  return {
    pipeline: pipeline.name,
    generation: pipeline.generation,
    topics: topicList,
    stages,
    loads,
    deadLetters: letters.length,
  };
}

async function topicStatus(kafka: KafkaClient, topic: string): Promise<TopicStatus> {
  const partitions = await partitionsOf(kafka, topic);
  const offsets = await Promise.all(partitions.map((partition) => kafka.offsets(topic, partition)));
  const records = offsets.reduce((sum, { start, highWatermark }) => sum + highWatermark - start, 0);
  return { topic, partitions: partitions.length, records };
}

/** A stage whose truth is its state topic. */
async function stateStage(
  kafka: KafkaClient,
  pipeline: Pipeline,
  stage: StateStage,
  input: string,
  signal: AbortSignal,
): Promise<StageStatus> {
  const state = await foldTopic(kafka, topics.state(pipeline, stage), (value) => Buffer.from(value), signal);
  const next = new Map(
    state.flatMap(({ key, partition, value }) =>
      key === 'next' ? [[partition, nextOf(value)] as const] : [],
    ),
  );
  return stageStatus(kafka, stage, input, (partition) => next.get(partition) ?? null);
}

/** A sink, whose truth is the target. */
async function sinkStageStatus(
  session: Session,
  kafka: KafkaClient,
  pipeline: Pipeline,
  sink: SinkDef,
): Promise<StageStatus> {
  const input = topics.output(pipeline, sink.output);
  const stage = `sink.${sink.name}`;
  try {
    const positions = await sinkPositions(session, pipeline, sink);
    return await stageStatus(kafka, stage, input, (partition) => positions.get(partition)?.next ?? null);
  } catch (thrown) {
    // A target that is away hides this one line, not the rest.
    const { code, message } = asMillraceError(thrown);
    return { stage, input, lag: 0, partitions: [], problem: `${code}: ${message}` };
  }
}

async function stageStatus(
  kafka: KafkaClient,
  stage: string,
  input: string,
  nextOfPartition: (partition: number) => number | null,
): Promise<StageStatus> {
  const partitions = await Promise.all(
    (await partitionsOf(kafka, input)).map(async (partition) => {
      const { start, highWatermark } = await kafka.offsets(input, partition);
      return lagOf(partition, nextOfPartition(partition), start, highWatermark);
    }),
  );
  return { stage, input, lag: totalLag(partitions), partitions, problem: null };
}
