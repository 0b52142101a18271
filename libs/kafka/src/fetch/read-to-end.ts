import { MillraceError } from '@millrace/core';
import type { Cluster } from '../cluster/cluster.ts';
import { LIMITS } from '../limits.ts';
import { batchBytesAt, offsetAfter } from '../protocol/batch-decoder.ts';
import { isConnectionError, isLeaderMoved, KafkaCode, kafkaError } from '../protocol/error-codes.ts';
import { fetchCall } from '../protocol/fetch.ts';
import type { FetchedBatch } from '../types.ts';
import { checkPosition, listOffset } from './positions.ts';
import { batchesOf, type PartitionAnswer } from './record-set.ts';

export interface ReadToEndOptions {
  readonly from?: number;
  readonly signal: AbortSignal;
}

const EARLIEST = -2;

/**
 * See `KafkaClient.readToEnd`. Has a connection of its own, so that a takeover does not wait behind long polls. A
 * transaction that is open below the high watermark is waited for: the broker ends it after its time-out.
 */
export async function* readToEnd(
  cluster: Cluster,
  topic: string,
  partition: number,
  { from, signal }: ReadToEndOptions,
): AsyncGenerator<FetchedBatch> {
  signal.throwIfAborted();
  let position = from ?? (await listOffset(cluster, topic, partition, EARLIEST));
  const { highWatermark: end } = await checkPosition(cluster, topic, partition, position, signal);
  const reader = new Reader(cluster, topic, partition);
  let progressAt = cluster.clock.monotonic();
  while (position < end) {
    signal.throwIfAborted();
    const answer = await reader.read(position, signal);
    const next = answer ? Math.max(position, offsetAfter(answer.records)) : position;
    if (answer && next > position) {
      for (const batch of batchesOf(answer, position, LIMITS.defaultFetchRecords)) {
        signal.throwIfAborted();
        yield batch;
      }
      position = next;
      progressAt = cluster.clock.monotonic();
    } else if (answer && answer.records.length === 0 && answer.lastStable >= end) {
      // All of it is stable and yet there is nothing at or behind our position: compaction removed the rest.
      return;
    } else if (cluster.clock.monotonic() - progressAt > LIMITS.readStallMs) {
      throw stalled(topic, partition, position, end);
    }
  }
}

class Reader {
  readonly #cluster: Cluster;
  readonly #topic: string;
  readonly #partition: number;
  #backoff;
  #maxBytes: number = LIMITS.defaultFetchBytes * 4;

  constructor(cluster: Cluster, topic: string, partition: number) {
    this.#cluster = cluster;
    this.#topic = topic;
    this.#partition = partition;
    this.#backoff = cluster.backoff();
  }

  /** One fetch; `null` when it has to be repeated. */
  async read(position: number, signal: AbortSignal): Promise<PartitionAnswer | null> {
    const asked = {
      topic: this.#topic,
      partition: this.#partition,
      offset: position,
      maxBytes: this.#maxBytes,
    };
    try {
      const nodeId = await this.#cluster.leader(this.#topic, this.#partition, signal);
      const call = fetchCall([asked], LIMITS.fetchWaitMs, this.#maxBytes);
      const { error, partitions } = await this.#cluster.send(nodeId, 'read', call);
      const part = partitions[0];
      const code = error || (part?.error ?? KafkaCode.UNKNOWN);
      if (part && code === KafkaCode.NONE) {
        const first = batchBytesAt(part.records, 0);
        if (first > part.records.length) this.#maxBytes = first;
        this.#backoff.reset();
        return part;
      }
      if (code === KafkaCode.OFFSET_OUT_OF_RANGE) {
        await checkPosition(this.#cluster, this.#topic, this.#partition, position, signal);
      } else if (!isLeaderMoved(code)) {
        throw kafkaError(code, `to fetch '${this.#topic}' partition ${this.#partition}`);
      }
    } catch (error) {
      if (!isConnectionError(error)) throw error;
    }
    this.#cluster.invalidate(this.#topic);
    await this.#cluster.clock.sleep(this.#backoff.next(), signal);
    return null;
  }
}

function stalled(topic: string, partition: number, position: number, end: number): MillraceError {
  return new MillraceError({
    kind: 'transient',
    code: 'MR-KAFKA-READ-STALLED',
    message: `Reading '${topic}' partition ${partition} stopped at offset ${position} of ${end}.`,
    remedy:
      'A transaction of another producer stays open, or the partition has no leader; look at the brokers.',
  });
}
