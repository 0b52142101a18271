import { LEDGER_PARTITIONS, LEDGER_TOPIC, type PipelineId, topics } from './names.ts';

/** As `libs/kafka` wants it: name, partitions, configuration in Kafka's words. */
export interface TopicDefinition {
  readonly name: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
}

export interface CataloguedPipeline extends PipelineId {
  readonly partitions: number;
  readonly retentionMs: number;
  /** Output names. */
  readonly outputs: readonly string[];
}

const DAY_MS = 86_400_000;

/** State is read whole at each takeover: small segments and a bounded compaction lag keep that short. */
const STATE_CONFIG = {
  'cleanup.policy': 'compact',
  'segment.bytes': String(16 * 1024 * 1024),
  'segment.ms': String(3_600_000),
  'min.cleanable.dirty.ratio': '0.1',
  'max.compaction.lag.ms': String(3_600_000),
  'delete.retention.ms': String(3_600_000),
} as const;

/** Every topic of a pipeline, each with the pipeline's partition count. */
export function pipelineTopics(pipeline: CataloguedPipeline): readonly TopicDefinition[] {
  const retention = { 'retention.ms': String(pipeline.retentionMs) };
  const topic = (name: string, config: Readonly<Record<string, string>>): TopicDefinition => ({
    name,
    partitions: pipeline.partitions,
    config,
  });
  return [
    topic(topics.tasks(pipeline), { 'cleanup.policy': 'delete', ...retention }),
    topic(topics.raw(pipeline), { 'cleanup.policy': 'delete', ...retention }),
    ...pipeline.outputs.map((output) =>
      topic(topics.output(pipeline, output), { 'cleanup.policy': 'delete', ...retention }),
    ),
    topic(topics.deadLetters(pipeline), { 'cleanup.policy': 'compact,delete', ...retention }),
    topic(topics.state(pipeline, 'ingest'), STATE_CONFIG),
    topic(topics.state(pipeline, 'transform'), STATE_CONFIG),
  ];
}

export const LEDGER_DEFINITION: TopicDefinition = {
  name: LEDGER_TOPIC,
  partitions: LEDGER_PARTITIONS,
  config: {
    'cleanup.policy': 'compact,delete',
    'retention.ms': String(90 * DAY_MS),
    'segment.ms': String(DAY_MS),
    'max.compaction.lag.ms': String(DAY_MS),
  },
};
