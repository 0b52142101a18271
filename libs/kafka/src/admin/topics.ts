import { MillraceError } from '@millrace/core';
import type { Cluster } from '../cluster/cluster.ts';
import { calls } from '../internals.ts';
import { LIMITS } from '../limits.ts';
import { KafkaCode, kafkaError } from '../protocol/error-codes.ts';
import type { TopicSpec } from '../types.ts';

const MAX_REPLICAS = 3;

/** See `KafkaClient.ensureTopics`. Waits while the cluster is starting, up to its deadline. */
export async function ensureTopics(cluster: Cluster, specs: readonly TopicSpec[]): Promise<void> {
  const deadline = cluster.clock.monotonic() + LIMITS.lookupMs * 2;
  let left = [...specs];
  for (const backoff = cluster.backoff(); left.length > 0; ) {
    const trouble = await tryOnce(cluster, left).catch((error: unknown) => {
      if (!(error instanceof MillraceError) || error.kind !== 'transient') throw error;
      return { left, error };
    });
    left = trouble.left;
    if (left.length === 0) break;
    if (cluster.clock.monotonic() >= deadline && trouble.error) throw trouble.error;
    await cluster.clock.sleep(backoff.next());
  }
  for (const { name } of specs) await cluster.leader(name, 0);
}

interface Trouble {
  readonly left: TopicSpec[];
  readonly error: MillraceError | null;
}

async function tryOnce(cluster: Cluster, specs: readonly TopicSpec[]): Promise<Trouble> {
  await cluster.refresh(specs.map((spec) => spec.name));
  const missing: TopicSpec[] = [];
  for (const spec of specs) {
    const partitions = cluster.known(spec.name);
    if (partitions === null) missing.push(spec);
    else if (partitions !== spec.partitions) throw otherPartitions(spec, partitions);
  }
  if (missing.length === 0) return { left: [], error: null };
  const replicas = Math.max(1, Math.min(MAX_REPLICAS, cluster.brokerCount));
  const answer = await cluster.sendToController(
    calls.createTopics({
      topics: missing.map((spec) => asRequest(spec, replicas)),
      timeout: LIMITS.requestMs - 1_000,
    }),
  );
  let error: MillraceError | null = null;
  for (const { topic, errorCode, errorMessage } of answer.topicErrors) {
    if (errorCode === KafkaCode.NONE || errorCode === KafkaCode.TOPIC_ALREADY_EXISTS) continue;
    error = creationError(topic, errorCode, errorMessage);
    // Too few brokers are registered yet, while the cluster starts.
    if (error.kind !== 'transient' && errorCode !== KafkaCode.INVALID_REPLICATION_FACTOR) throw error;
  }
  // What was created is found, and compared, by the next round.
  return { left: missing, error };
}

function asRequest(spec: TopicSpec, replicas: number): object {
  const config = { 'min.insync.replicas': replicas > 1 ? '2' : '1', ...spec.config };
  return {
    topic: spec.name,
    numPartitions: spec.partitions,
    replicationFactor: replicas,
    configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
  };
}

function creationError(topic: string, code: number, message: string | null): MillraceError {
  const plain = kafkaError(code, `to create topic '${topic}'`);
  return new MillraceError({
    kind: plain.kind,
    code: plain.code,
    message: message ? `${plain.message} ${message}` : plain.message,
    ...(plain.remedy === undefined ? {} : { remedy: plain.remedy }),
  });
}

function otherPartitions({ name, partitions }: TopicSpec, found: number): MillraceError {
  return new MillraceError({
    kind: 'halt',
    code: 'MR-KAFKA-PARTITIONS',
    message: `Topic '${name}' has ${found} partitions; the pipeline says ${partitions}.`,
    remedy: `Set the pipeline's partitions back to ${found}, or drain it and raise its generation.`,
  });
}
