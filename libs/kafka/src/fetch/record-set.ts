import { BatchRecords, readBatchHeader } from '../protocol/batch-decoder.ts';
import type { DecodedRecord } from '../protocol/record.ts';
import type { FetchedBatch } from '../types.ts';
import { AbortedFilter, type AbortedTransaction } from './aborted.ts';

/** What one fetch answer says of one partition. */
export interface PartitionAnswer {
  readonly topic: string;
  readonly partition: number;
  readonly error: number;
  readonly highWatermark: number;
  readonly lastStable: number;
  readonly logStart: number;
  readonly aborted: readonly AbortedTransaction[];
  readonly records: Buffer;
}

/**
 * Cuts a fetched record set into batches of at most `maxRecords`: committed records from `from` on. `nextOffset`
 * moves past markers, aborted records and compacted gaps. The last batch covers whatever was passed without records.
 */
export function* batchesOf(
  answer: PartitionAnswer,
  from: number,
  maxRecords: number,
): Generator<FetchedBatch> {
  const { topic, partition, highWatermark, records: set } = answer;
  const filter = new AbortedFilter(answer.aborted);
  let records: DecodedRecord[] = [];
  let bytes = 0;
  let next = from;
  let emitted = from;
  const cut = (): FetchedBatch => {
    const batch = { topic, partition, records, nextOffset: next, highWatermark, bytes };
    records = [];
    bytes = 0;
    emitted = next;
    return batch;
  };
  for (let at = 0; at < set.length; ) {
    const header = readBatchHeader(set, at);
    if (!header) break;
    at = header.end;
    const aborted = filter.isAborted(set, header);
    if (header.lastOffset < from) continue;
    if (!header.isControl && !aborted) {
      const batch = new BatchRecords(set, header);
      while (!batch.isDone) {
        const before = batch.bytesLeft;
        batch.take(records, maxRecords - records.length, from);
        bytes += before - batch.bytesLeft;
        if (records.length < maxRecords || batch.isDone) continue;
        // The last record taken is in the middle of its batch.
        next = (records[records.length - 1]?.offset ?? next) + 1;
        yield cut();
      }
    }
    next = header.lastOffset + 1;
    if (records.length >= maxRecords) yield cut();
  }
  if (next > emitted) yield cut();
}
