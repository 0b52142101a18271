import { MillraceError } from '@millrace/core';
import type { Cluster } from '../cluster/cluster.ts';
import { calls } from '../internals.ts';
import { LIMITS } from '../limits.ts';
import { isConnectionError, isLeaderMoved, KafkaCode, kafkaError } from '../protocol/error-codes.ts';
import type { PartitionOffsets } from '../types.ts';

const EARLIEST = -2;
const LATEST = -1;

type Isolation = 'committed' | 'uncommitted';

/**
 * First offset at or after a time (milliseconds since the epoch, or -1 the end, -2 the start); -1 when there is none.
 * Follows the leader; a new leader that does not know its high watermark yet says so and is asked again.
 */
export async function listOffset(
  cluster: Cluster,
  topic: string,
  partition: number,
  timestamp: number,
  isolation: Isolation = 'uncommitted',
): Promise<number> {
  const deadline = cluster.clock.monotonic() + LIMITS.lookupMs;
  const call = calls.listOffsets({
    replicaId: -1,
    isolationLevel: isolation === 'committed' ? 1 : 0,
    topics: [{ topic, partitions: [{ partition, timestamp }] }],
  });
  for (const backoff = cluster.backoff(); ; ) {
    try {
      const answer = await cluster.send(await cluster.leader(topic, partition), 'control', call);
      const part = answer.responses[0]?.partitions[0];
      if (part?.errorCode === KafkaCode.NONE) return Number(part.offset);
      const code = part?.errorCode ?? KafkaCode.UNKNOWN;
      const error = kafkaError(code, `to tell the offsets of '${topic}' partition ${partition}`);
      if (!isLeaderMoved(code) || cluster.clock.monotonic() >= deadline) throw error;
    } catch (error) {
      if (!isConnectionError(error) || cluster.clock.monotonic() >= deadline) throw error;
    }
    await cluster.clock.sleep(backoff.next());
    cluster.invalidate(topic);
  }
}

export async function readOffsets(
  cluster: Cluster,
  topic: string,
  partition: number,
): Promise<PartitionOffsets> {
  // One after the other: what is stable was below the high watermark that is read later.
  const start = await listOffset(cluster, topic, partition, EARLIEST);
  const lastStable = await listOffset(cluster, topic, partition, LATEST, 'committed');
  const highWatermark = await listOffset(cluster, topic, partition, LATEST);
  return { start, lastStable, highWatermark };
}

/**
 * Whether a position can be continued from. Errors (`halt`): `MR-KAFKA-POSITION-BELOW-START`,
 * `MR-KAFKA-POSITION-ABOVE-END`. A leader that was just elected may trail behind for a moment, so being above the
 * end counts only when it stays so.
 */
export async function checkPosition(
  cluster: Cluster,
  topic: string,
  partition: number,
  from: number,
  signal?: AbortSignal,
): Promise<PartitionOffsets> {
  const deadline = cluster.clock.monotonic() + LIMITS.aboveEndMs;
  for (const backoff = cluster.backoff(); ; ) {
    const offsets = await readOffsets(cluster, topic, partition);
    const { start, highWatermark } = offsets;
    if (from < start) throw belowStart(topic, partition, from, start);
    if (from <= highWatermark) return offsets;
    if (cluster.clock.monotonic() >= deadline) throw aboveEnd(topic, partition, from, highWatermark);
    await cluster.clock.sleep(backoff.next(), signal);
    cluster.invalidate(topic);
  }
}

function belowStart(topic: string, partition: number, from: number, start: number): MillraceError {
  return new MillraceError({
    kind: 'halt',
    code: 'MR-KAFKA-POSITION-BELOW-START',
    message: `'${topic}' partition ${partition}: we are at offset ${from}, but the log starts at ${start}: ${start - from} offsets were deleted before they were read.`,
    remedy:
      'The records in between are gone from Kafka (retention or DeleteRecords). Deliver their files again or accept the gap, then set the position to the start of the log.',
  });
}

function aboveEnd(topic: string, partition: number, from: number, end: number): MillraceError {
  return new MillraceError({
    kind: 'halt',
    code: 'MR-KAFKA-POSITION-ABOVE-END',
    message: `'${topic}' partition ${partition}: we are at offset ${from}, but the log ends at ${end}.`,
    remedy:
      'The topic was truncated or made anew, or this is another cluster. Restore it, or start a new generation of the pipeline.',
  });
}
