import type { PartitionAnswer } from '../fetch/record-set.ts';
import { type CallFor, Encoder } from '../internals.ts';
import { ByteReader } from './reader.ts';

export interface FetchPartition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly maxBytes: number;
}

export interface FetchAnswer {
  readonly error: number;
  readonly partitions: readonly PartitionAnswer[];
}

const API_KEY = 1;
/** The last version with topic names and without flexible encoding; Kafka 4 speaks 4 to 18. */
const VERSION = 11;
const READ_COMMITTED = 1;

/**
 * Fetch in version 11, read_committed, outside of fetch sessions, in the order given: when a batch is larger than
 * its partition's bound, the broker sends it whole only for the first partition that has data.
 */
export function fetchCall(
  partitions: readonly FetchPartition[],
  maxWaitMs: number,
  maxBytes: number,
): CallFor<FetchAnswer> {
  return () => ({
    request: {
      apiKey: API_KEY,
      apiVersion: VERSION,
      apiName: 'Fetch',
      encode: async () => {
        const request = new Encoder(64 + partitions.length * 96)
          .writeInt32(-1) // replica id: a client
          .writeInt32(maxWaitMs)
          .writeInt32(1) // min bytes
          .writeInt32(maxBytes)
          .writeInt8(READ_COMMITTED)
          .writeInt32(0) // session id and epoch: no session
          .writeInt32(-1)
          .writeInt32(partitions.length);
        for (const { topic, partition, offset, maxBytes: partitionBytes } of partitions) {
          request
            .writeString(topic)
            .writeInt32(1)
            .writeInt32(partition)
            .writeInt32(-1) // leader epoch: not checked
            .writeInt64(offset)
            .writeInt64(-1) // log start: followers only
            .writeInt32(partitionBytes);
        }
        return request.writeInt32(0).writeString(''); // forgotten topics, rack
      },
    },
    response: { decode: readAnswer, parse: (decoded) => decoded as FetchAnswer },
    logResponseError: false,
  });
}

/** Exported for tests. Record sets are copied out when they are a small part of the answer. */
export function readAnswer(bytes: Buffer): FetchAnswer & { readonly clientSideThrottleTime: number } {
  const reader = new ByteReader(bytes);
  const clientSideThrottleTime = reader.int32();
  const error = reader.int16();
  reader.int32(); // session id
  const partitions: PartitionAnswer[] = [];
  reader.array(() => {
    const topic = reader.string() ?? '';
    reader.array(() => partitions.push(readPartition(reader, topic)));
  });
  return { clientSideThrottleTime, error, partitions };
}

function readPartition(reader: ByteReader, topic: string): PartitionAnswer {
  const partition = reader.int32();
  const error = reader.int16();
  const highWatermark = reader.int64();
  const lastStable = reader.int64();
  const logStart = reader.int64();
  const aborted = reader.array(() => ({ producerId: reader.bigint(), firstOffset: reader.int64() }));
  reader.int32(); // preferred read replica
  const view = reader.slice() ?? Buffer.alloc(0);
  // A view would keep the whole answer, with every other partition's records, in memory for as long as this
  // partition's consumer takes.
  const records = view.length * 2 < reader.bytes.length ? Buffer.from(view) : view;
  return { topic, partition, error, highWatermark, lastStable, logStart, aborted, records };
}
