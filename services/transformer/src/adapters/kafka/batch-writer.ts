import {
  type DeadLetter,
  deadLetterHeaders,
  deadLetterKey,
  deadLetterOf,
  FILE_TIME_HEADER,
  MARK_HEADER,
  TRANSFORM_STAGE,
} from '@millrace/contracts';
import { partitionFor, type Reason, type RecordValue } from '@millrace/core';
import type { FetchedRecord, Outbox, ProduceAck, WireEncoder } from '@millrace/kafka';
import type { LoadPart } from '../../domain/load-accounts.ts';
import type { BatchWriter, DeadLetterMark } from '../../ports.ts';
import type { OutputStream } from './output-stream.ts';

/** What all partitions of a pipeline write with. */
export interface WriterParts {
  readonly pipeline: string;
  readonly partitions: number;
  readonly rawTopic: string;
  readonly deadLetterTopic: string;
  readonly outputs: readonly OutputStream[];
  readonly deadLetters: WireEncoder;
  readonly now: () => number;
}

/** Headers that travel with a record: its mark, its file time, and the trace of a sampled one. */
const PASSED_HEADERS = [MARK_HEADER, FILE_TIME_HEADER, 'traceparent'] as const;
/** All of ours are shorter. A stranger's could make an output record larger than Kafka takes. */
const PASSED_HEADER_BYTES_MAX = 128;

interface PendingFirst {
  readonly first: Map<number, number>;
  readonly output: number;
  readonly partition: number;
  /** How many records of this batch went to that partition before. */
  readonly index: number;
}

/** The records of one partition's current batch, encoded and waiting to be sent. */
export class KafkaBatchWriter implements BatchWriter {
  readonly #parts: WriterParts;
  readonly #inputPartition: number;
  readonly outbox: Outbox;
  /** Records by output and output partition. */
  readonly #counts: number[][];
  #firsts: PendingFirst[] = [];
  #headersOf: FetchedRecord | null = null;
  #headers: (readonly [string, Uint8Array])[] = [];
  #key = Buffer.allocUnsafe(1024);

  constructor(parts: WriterParts, inputPartition: number, outbox: Outbox) {
    this.#parts = parts;
    this.#inputPartition = inputPartition;
    this.outbox = outbox;
    this.#counts = parts.outputs.map(() => new Array<number>(parts.partitions).fill(0));
  }

  bytesOf(output: number, key: string, value: RecordValue, from: FetchedRecord): number {
    const bytes = this.#parts.outputs[output]?.encode(value, from).length ?? 0;
    return bytes + Buffer.byteLength(key);
  }

  emit(output: number, key: string, value: RecordValue, from: FetchedRecord, load: LoadPart): void {
    const stream = this.#parts.outputs[output];
    const counts = this.#counts[output];
    const first = load.emitted[output]?.first;
    if (stream === undefined || counts === undefined || first === undefined)
      throw new RangeError(`no output ${output}`);
    const keyBytes = this.#keyBytes(key);
    const partition = partitionFor(keyBytes, this.#parts.partitions);
    this.outbox.add(stream.topic, partition, keyBytes, stream.encode(value, from), this.#headersFor(from));
    const index = counts[partition] ?? 0;
    counts[partition] = index + 1;
    if (!first.has(partition)) {
      // Known once the send is acknowledged; until then the place is taken.
      first.set(partition, -1);
      this.#firsts.push({ first, output, partition, index });
    }
  }

  deadLetter(from: FetchedRecord, mark: DeadLetterMark, reason: Reason): void {
    const { pipeline, partitions, rawTopic, deadLetterTopic, deadLetters, now } = this.#parts;
    const letter: DeadLetter = deadLetterOf({
      pipeline,
      mark: { loadId: mark.loadId, row: mark.row, attempt: mark.attempt, stage: TRANSFORM_STAGE },
      stage: TRANSFORM_STAGE,
      reason,
      original: from.value ?? NOTHING,
      encoding: from.value?.[0] === 0 ? 'avro' : 'binary',
      rejectedAt: now(),
      kafka: { topic: rawTopic, partition: this.#inputPartition, offset: from.offset, key: from.key },
    });
    const key = Buffer.from(deadLetterKey(letter));
    const headers: (readonly [string, Uint8Array | string])[] = [...deadLetterHeaders(letter)];
    const fileTime = from.header(FILE_TIME_HEADER);
    if (fileTime && fileTime.length <= PASSED_HEADER_BYTES_MAX) headers.push([FILE_TIME_HEADER, fileTime]);
    this.outbox.add(deadLetterTopic, partitionFor(key, partitions), key, deadLetters.encode(letter), headers);
  }

  /** Records of this batch by output. */
  counts(): number[] {
    return this.#counts.map((counts) => counts.reduce((sum, n) => sum + n, 0));
  }

  /** Turns the places of first records into offsets. A send may have landed in several batches per partition. */
  settle(acks: readonly ProduceAck[]): void {
    for (const { first, output, partition, index } of this.#firsts) {
      const topic = this.#parts.outputs[output]?.topic;
      let before = 0;
      for (const ack of acks) {
        if (ack.topic !== topic || ack.partition !== partition) continue;
        if (index < before + ack.count) {
          first.set(partition, ack.baseOffset + index - before);
          break;
        }
        before += ack.count;
      }
      if (first.get(partition) === -1)
        throw new RangeError(`no acknowledgement for ${topic} partition ${partition}`);
    }
  }

  /** Ready for the next batch. */
  clear(): void {
    this.outbox.clear();
    this.#firsts = [];
    this.#headersOf = null;
    for (const counts of this.#counts) counts.fill(0);
  }

  #headersFor(record: FetchedRecord): readonly (readonly [string, Uint8Array])[] {
    if (this.#headersOf === record) return this.#headers;
    this.#headersOf = record;
    this.#headers = [];
    for (const name of PASSED_HEADERS) {
      const value = record.header(name);
      if (value && value.length <= PASSED_HEADER_BYTES_MAX) this.#headers.push([name, value]);
    }
    return this.#headers;
  }

  #keyBytes(key: string): Buffer {
    if (key.length * 3 > this.#key.length) this.#key = Buffer.allocUnsafe(key.length * 3);
    return this.#key.subarray(0, this.#key.write(key));
  }
}

const NOTHING = new Uint8Array(0);
