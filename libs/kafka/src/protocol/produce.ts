import { type CallFor, Encoder } from '../internals.ts';
import { ByteReader } from './reader.ts';

export interface ProducePartition {
  readonly topic: string;
  readonly partition: number;
  /** Exactly one record batch, as the protocol asks for since version 3. */
  readonly batch: Buffer;
}

export interface ProducePartitionAnswer {
  readonly topic: string;
  readonly partition: number;
  readonly error: number;
  readonly baseOffset: number;
}

const API_KEY = 0;
/** The last version that kafkajs speaks as well, so that both can be compared; Kafka 4 takes 3 and up. */
const VERSION = 7;
const ACKS_ALL = -1;

/** Produce in version 7 with acks=all. `brokerMs`: how long the broker waits for its followers. */
export function produceCall(
  transactionalId: string | null,
  partitions: readonly ProducePartition[],
  brokerMs: number,
  requestMs: number,
): CallFor<readonly ProducePartitionAnswer[]> {
  return () => ({
    request: {
      apiKey: API_KEY,
      apiVersion: VERSION,
      apiName: 'Produce',
      encode: async () => {
        const size = partitions.reduce((sum, p) => sum + p.batch.length + p.topic.length * 3 + 14, 64);
        const request = new Encoder(size)
          .writeString(transactionalId)
          .writeInt16(ACKS_ALL)
          .writeInt32(brokerMs)
          .writeInt32(partitions.length);
        for (const { topic, partition, batch } of partitions) {
          request.writeString(topic).writeInt32(1).writeInt32(partition);
          request.writeInt32(batch.length).writeBuffer(batch);
        }
        return request;
      },
    },
    response: {
      decode: readAnswer,
      parse: (decoded) => (decoded as { partitions: readonly ProducePartitionAnswer[] }).partitions,
    },
    requestTimeout: requestMs,
    logResponseError: false,
  });
}

function readAnswer(bytes: Buffer): { partitions: ProducePartitionAnswer[]; clientSideThrottleTime: number } {
  const reader = new ByteReader(bytes);
  const partitions: ProducePartitionAnswer[] = [];
  reader.array(() => {
    const topic = reader.string() ?? '';
    reader.array(() => {
      partitions.push({
        topic,
        partition: reader.int32(),
        error: reader.int16(),
        baseOffset: reader.int64(),
      });
      reader.int64(); // log append time
      reader.int64(); // log start
    });
  });
  return { partitions, clientSideThrottleTime: reader.int32() };
}
