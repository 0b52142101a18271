import type { FetchedRecord, KafkaClient } from '@millrace/kafka';

/** The latest record of a key, as compaction would leave it. */
export interface Folded<T> {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string;
  readonly value: T;
}

/**
 * Latest value per key of one partition, tombstones respected. Records come in offset order.
 */
export class Fold<T> {
  readonly #latest = new Map<string, Folded<T>>();

  put(partition: number, record: Pick<FetchedRecord, 'offset' | 'timestamp' | 'key'>, value: T | null): void {
    if (!record.key) return;
    const key = record.key.toString('utf8');
    const { offset, timestamp } = record;
    if (value === null) this.#latest.delete(key);
    // Deleted first, so that the order of the map is the order of the latest writes.
    else {
      this.#latest.delete(key);
      this.#latest.set(key, { partition, offset, timestamp, key, value });
    }
  }

  values(): Folded<T>[] {
    return [...this.#latest.values()];
  }
}

/**
 * Reads all partitions of a compacted topic to their present ends. A topic that is not there yet is empty.
 * @param decode called for each record that has a value, in order; may load a schema first
 */
export async function foldTopic<T>(
  kafka: KafkaClient,
  topic: string,
  decode: (value: Buffer) => Promise<T> | T,
  signal: AbortSignal,
): Promise<Folded<T>[]> {
  const partitions = await partitionsOf(kafka, topic);
  const folded = await Promise.all(
    partitions.map(async (partition) => {
      const fold = new Fold<T>();
      for await (const { records } of kafka.readToEnd(topic, partition, { signal })) {
        for (const record of records) {
          fold.put(partition, record, record.value ? await decode(record.value) : null);
        }
      }
      return fold.values();
    }),
  );
  return folded.flat();
}

/** 0 … n-1; empty when there is no such topic. */
export async function partitionsOf(kafka: KafkaClient, topic: string): Promise<number[]> {
  try {
    return Array.from({ length: await kafka.partitionCount(topic) }, (_, partition) => partition);
  } catch (thrown) {
    if (isNoTopic(thrown)) return [];
    throw thrown;
  }
}

/** Whether the error says that a topic does not exist. */
export function isNoTopic(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'MR-KAFKA-TOPIC-MISSING';
}
