import type { Reason, RecordValue } from '@millrace/core';
import type { FetchedRecord } from '@millrace/kafka';
import type { LoadPart } from './domain/load-accounts.ts';

/**
 * Reads the values of the raw topic. `prepare` first: it fetches the writers' schemas of a batch and throws
 * `transient` when the registry is away. `read` is synchronous and throws `data` for bytes that nobody can read,
 * which concerns that one record; anything else that it throws does not.
 */
export interface RawReader {
  prepare(records: readonly FetchedRecord[]): Promise<void>;
  read(value: Buffer): RecordValue;
}

/**
 * Where the records of one batch go: everything is held until it is sent as one transaction, in this order per
 * topic partition. Values are encoded at once, so the caller may change them afterwards.
 */
export interface BatchWriter {
  /** What `emit` would send, without headers. */
  bytesOf(output: number, key: string, value: RecordValue, from: FetchedRecord): number;
  /** Emits to the output with this index and remembers the first offset of the load there. */
  emit(output: number, key: string, value: RecordValue, from: FetchedRecord, load: LoadPart): void;
  deadLetter(from: FetchedRecord, mark: DeadLetterMark, reason: Reason): void;
}

export interface DeadLetterMark {
  readonly loadId: string;
  readonly row: number;
  readonly attempt: number;
}
