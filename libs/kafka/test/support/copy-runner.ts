import { MillraceError } from '@millrace/core';
import type { KafkaClient, PartitionRunner } from '../../src/index.ts';

export interface CopyTopics {
  readonly input: string;
  readonly output: string;
  /** Compacted, as many partitions as the input. */
  readonly state: string;
  readonly outputPartitions: number;
  /** Transactional ids are `<prefix>.<partition>`. */
  readonly prefix: string;
}

export interface CopyHooks {
  readonly onStart?: (partition: number) => void;
  readonly onCommitted?: (partition: number, nextOffset: number) => void;
  /** Bound of one transaction, in records. */
  readonly maxRecords?: number;
}

/**
 * The protocol of ADR 0002 in its smallest form: copies each input record once to the output, as
 * `<partition>:<offset>`, with the next input offset in the state topic, in one transaction.
 */
export function copyRunner(kafka: KafkaClient, topics: CopyTopics, hooks: CopyHooks = {}): PartitionRunner {
  return async (partition, signal) => {
    hooks.onStart?.(partition);
    const producer = await kafka.takeOver(`${topics.prefix}.${partition}`, signal);
    try {
      let from = await nextOf(kafka, topics.state, partition, signal);
      const outbox = kafka.newOutbox();
      const { input } = topics;
      for await (const batch of kafka.fetch({
        topic: input,
        partition,
        from,
        signal,
        maxRecords: hooks.maxRecords ?? 500,
      })) {
        for (const { offset } of batch.records) {
          const to = offset % topics.outputPartitions;
          outbox.add(topics.output, to, null, Buffer.from(`${partition}:${offset}`));
        }
        outbox.add(topics.state, partition, 'next', Buffer.from(String(batch.nextOffset)));
        if (batch.records[0] && batch.records[0].offset < from) throw overlap(from, batch.records[0].offset);
        from = batch.nextOffset;
        await producer.send(outbox);
        outbox.clear();
        await producer.commit();
        hooks.onCommitted?.(partition, from);
      }
    } finally {
      await producer.close();
    }
  };
}

export async function nextOf(
  kafka: KafkaClient,
  state: string,
  partition: number,
  signal: AbortSignal,
): Promise<number> {
  let next = 0;
  for await (const batch of kafka.readToEnd(state, partition, { signal })) {
    for (const record of batch.records) next = Number(record.value);
  }
  return next;
}

function overlap(from: number, offset: number): MillraceError {
  const message = `asked for ${from}, got ${offset}`;
  return new MillraceError({ kind: 'halt', code: 'MR-TEST-OVERLAP', message });
}
