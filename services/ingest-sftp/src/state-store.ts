import type { FilePipeline } from '@millrace/config';
import { topics } from '@millrace/contracts';
import { MillraceError } from '@millrace/core';
import type { FetchedRecord, KafkaClient } from '@millrace/kafka';
import {
  type FileState,
  type ForgottenState,
  type IssuedState,
  type LoadState,
  type NextState,
  type ProgressState,
  parseStateKey,
} from './domain/state.ts';

/** What a partition's runner finds when it takes over. */
export interface PartitionState {
  next: NextState | null;
  progress: ProgressState | null;
  readonly files: Map<string, FileState>;
  readonly loads: Map<string, LoadState>;
}

/** A state record, parsed; `value` null for a tombstone. */
export type StateChange =
  | { readonly kind: 'next'; readonly value: NextState | null }
  | { readonly kind: 'progress'; readonly value: ProgressState | null }
  | { readonly kind: 'forgotten'; readonly value: ForgottenState | null }
  | { readonly kind: 'file'; readonly name: string; readonly value: FileState | null }
  | { readonly kind: 'issued'; readonly name: string; readonly value: IssuedState | null }
  | { readonly kind: 'load'; readonly name: string; readonly value: LoadState | null };

/**
 * Reads changes of one state partition from `from` to its end and returns where the next reading continues.
 * @throws MillraceError `halt` on an entry that is not JSON: going on without it could deliver a file twice
 */
export async function readState(
  kafka: KafkaClient,
  pipeline: FilePipeline,
  partition: number,
  from: number | undefined,
  apply: (change: StateChange) => void,
  signal: AbortSignal,
): Promise<number | undefined> {
  const topic = topics.state(pipeline, 'ingest');
  let next = from;
  const options = from === undefined ? { signal } : { from, signal };
  for await (const batch of kafka.readToEnd(topic, partition, options)) {
    for (const record of batch.records) {
      const change = parseChange(record, topic, partition);
      if (change) apply(change);
    }
    next = batch.nextOffset;
  }
  return next;
}

export async function readPartitionState(
  kafka: KafkaClient,
  pipeline: FilePipeline,
  partition: number,
  signal: AbortSignal,
): Promise<PartitionState> {
  const state: PartitionState = { next: null, progress: null, files: new Map(), loads: new Map() };
  const apply = (change: StateChange): void => {
    if (change.kind === 'next') state.next = change.value;
    else if (change.kind === 'progress') state.progress = change.value;
    else if (change.kind === 'file') put(state.files, change.name, change.value);
    else if (change.kind === 'load') put(state.loads, change.name, change.value);
  };
  await readState(kafka, pipeline, partition, undefined, apply, signal);
  return state;
}

function put<V>(map: Map<string, V>, key: string, value: V | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}

function parseChange(record: FetchedRecord, topic: string, partition: number): StateChange | null {
  const key = record.key && parseStateKey(record.key.toString());
  if (!key) return null;
  const value = record.value === null ? null : parseJson(record.value, topic, partition, record.offset);
  // Only this service writes these entries, each under the key that names its type.
  return { ...key, value } as StateChange;
}

function parseJson(bytes: Buffer, topic: string, partition: number, offset: number): object {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Told below with its place.
  }
  throw new MillraceError({
    kind: 'halt',
    code: 'MR-STATE-UNREADABLE',
    message: `State at ${topic} ${partition}/${offset} is not JSON.`,
    remedy: 'Somebody else wrote to the state topic. Find out who; raise the generation to start over.',
  });
}
