import type { FilePipeline } from '@millrace/config';
import { topics } from '@millrace/contracts';
import { MillraceError } from '@millrace/core';
import type { KafkaClient } from '@millrace/kafka';
import type { NextState } from './domain/state.ts';
import type { IngestEvent } from './events.ts';

/**
 * Where the tasks of a partition go on.
 * @throws MillraceError `halt` when going on would lose or double files: state of another layout or cluster, a
 *   position that the log does not have
 */
export async function startOffset(
  kafka: KafkaClient,
  pipeline: FilePipeline,
  partition: number,
  state: NextState | null,
  cluster: string,
  emit: (event: IngestEvent) => void,
): Promise<number> {
  const topic = topics.tasks(pipeline);
  if (state && state.layout !== pipeline.layoutHash) throw otherLayout(pipeline);
  if (state && state.cluster !== cluster) throw otherCluster(topic);
  const { start, highWatermark } = await kafka.offsets(topic, partition);
  const next = state?.next ?? 0;
  if (next > highWatermark) throw aboveEnd(topic, partition, next, highWatermark);
  if (next >= start) return next;
  if (pipeline.source.onTruncation === 'halt') throw belowStart(topic, partition, next, start);
  emit({ type: 'tasks-lost', partition, from: next, to: start });
  return start;
}

function otherLayout(pipeline: FilePipeline): MillraceError {
  return new MillraceError({
    kind: 'halt',
    code: 'MR-PIPELINE-LAYOUT',
    message: `Pipeline ${pipeline.name} was edited so that keys, outputs or partitions differ from those of its topics.`,
    remedy: 'Undo the edit, or drain the pipeline and raise `generation`.',
  });
}

function otherCluster(topic: string): MillraceError {
  return new MillraceError({
    kind: 'halt',
    code: 'MR-STATE-CLUSTER',
    message: `The state beside ${topic} was written on another Kafka cluster.`,
    remedy: 'Point the service at the cluster it came from, or raise `generation`.',
  });
}

function aboveEnd(topic: string, partition: number, next: number, end: number): MillraceError {
  return new MillraceError({
    kind: 'halt',
    code: 'MR-KAFKA-POSITION-ABOVE-END',
    message: `The next task of ${topic} ${partition} is ${next}, but the log ends at ${end}.`,
    remedy: 'The topic was made again or cut short. Raise `generation` to start over.',
  });
}

function belowStart(topic: string, partition: number, next: number, start: number): MillraceError {
  return new MillraceError({
    kind: 'halt',
    code: 'MR-KAFKA-POSITION-BELOW-START',
    message: `Tasks ${next} to ${start} of ${topic} ${partition} were deleted before they were read.`,
    remedy:
      'Set source.onTruncation to gap: the files without a result are then issued again after the retention time.',
  });
}
