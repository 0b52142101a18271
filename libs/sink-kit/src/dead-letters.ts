import {
  type DeadLetter,
  deadLetterHeaders,
  deadLetterKey,
  deadLetterOf,
  FILE_TIME_HEADER,
  UNKNOWN_LOAD,
} from '@millrace/contracts';
import { type Clock, partitionFor } from '@millrace/core';
import type { Outbox, WireEncoder } from '@millrace/kafka';
import type { FencedPublisher } from './fenced-publisher.ts';
import type { Reject } from './runs.ts';

export interface DeadLetterOptions {
  readonly pipeline: string;
  /** `sink.<name>`. */
  readonly stage: string;
  /** The output topic that the rejects came from. */
  readonly inputTopic: string;
  readonly topic: string;
  readonly partitions: number;
  readonly encoder: WireEncoder;
  readonly clock: Clock;
}

const NOTHING = Buffer.alloc(0);
/** One send. Originals are capped at 256 KiB each. */
const SEND_BYTES = 4 << 20;

/** Writes rejects and waits until Kafka has them. Written twice they fold: same key, same content. */
export class DeadLetterWriter {
  readonly #options: DeadLetterOptions;

  constructor(options: DeadLetterOptions) {
    this.#options = options;
  }

  /** `publisher`: that of the partition, so that an earlier owner cannot bring back a letter that was replayed. */
  async write(
    publisher: Pick<FencedPublisher, 'newOutbox' | 'publish'>,
    partition: number,
    rejects: readonly Reject[],
  ): Promise<void> {
    const outbox = publisher.newOutbox();
    for (const reject of rejects) {
      this.#add(outbox, partition, reject);
      if (outbox.bytes < SEND_BYTES) continue;
      await publisher.publish(outbox);
      outbox.clear();
    }
    if (outbox.count > 0) await publisher.publish(outbox);
  }

  #add(outbox: Outbox, partition: number, { record, mark, reason }: Reject): void {
    const { pipeline, stage, inputTopic, topic, partitions, encoder, clock } = this.#options;
    const letter: DeadLetter = deadLetterOf({
      pipeline,
      stage,
      reason,
      // As in the transformer: the offset stands in for the row.
      mark: mark ?? { loadId: UNKNOWN_LOAD, row: record.offset, attempt: 1, stage: '' },
      original: record.value ?? NOTHING,
      encoding: record.value?.[0] === 0 ? 'avro' : 'binary',
      rejectedAt: clock.now(),
      kafka: { topic: inputTopic, partition, offset: record.offset, key: record.key },
    });
    const key = Buffer.from(deadLetterKey(letter));
    const headers: (readonly [string, Uint8Array | string])[] = [...deadLetterHeaders(letter)];
    const fileTime = record.header(FILE_TIME_HEADER);
    if (fileTime) headers.push([FILE_TIME_HEADER, fileTime]);
    outbox.add(topic, partitionFor(key, partitions), key, encoder.encode(letter), headers);
  }
}
