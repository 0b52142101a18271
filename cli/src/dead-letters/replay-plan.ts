import {
  type DeadLetter,
  FILE_TIME_HEADER,
  formatFileTime,
  formatReplayMark,
  INGEST_STAGE,
  type IngestCounts,
  MARK_HEADER,
  sinkOfStage,
  type Task,
  TRANSFORM_STAGE,
} from '@millrace/contracts';
import { partitionFor } from '@millrace/core';
import type { Folded } from '../topics/fold.ts';

/** Where a pipeline's replays go. */
export interface ReplayTopics {
  readonly tasks: string;
  readonly raw: string;
  /** Topic by sink name: the output that the sink takes. */
  readonly outputOfSink: ReadonlyMap<string, string>;
  readonly partitions: number;
}

/** What the account of a load adds to a letter: its file. */
export type FileOfLoad = (loadId: string) => IngestCounts | undefined;

export interface ReplayStep {
  readonly letter: Folded<DeadLetter>;
  readonly topic: string;
  readonly partition: number;
  readonly key: Uint8Array | string | null;
  /** Bytes to publish as they are, or a task that still has to be encoded. */
  readonly value:
    | { readonly kind: 'bytes'; readonly bytes: Buffer }
    | { readonly kind: 'task'; readonly task: Task };
  readonly headers: readonly (readonly [string, string])[];
}

export interface Refusal {
  readonly letter: Folded<DeadLetter>;
  readonly reason: string;
}

export interface ReplayPlan {
  readonly steps: readonly ReplayStep[];
  readonly refusals: readonly Refusal[];
}

/**
 * Sends each letter back to the input of the stage that rejected it (ADR 0003, 0005), as its next attempt.
 * @param nowMs time of issue of tasks
 */
export function planReplay(
  letters: readonly Folded<DeadLetter>[],
  topics: ReplayTopics,
  fileOf: FileOfLoad,
  nowMs: number,
): ReplayPlan {
  const steps: ReplayStep[] = [];
  const refusals: Refusal[] = [];
  for (const letter of letters) {
    const step = stepOf(letter, topics, fileOf(letter.value.loadId), nowMs);
    if (typeof step === 'string') refusals.push({ letter, reason: step });
    else steps.push(step);
  }
  return { steps, refusals };
}

function stepOf(
  letter: Folded<DeadLetter>,
  topics: ReplayTopics,
  file: IngestCounts | undefined,
  nowMs: number,
): ReplayStep | string {
  const { value } = letter;
  if (value.original === null) {
    return `its original of ${value.originalLength} bytes was too long to keep: mend and deliver the file again`;
  }
  if (file === undefined) return 'its load is not in the ledger: deliver the file again';
  if (value.stage === INGEST_STAGE) return ingestStep(letter, value.original, topics, file, nowMs);
  const topic =
    value.stage === TRANSFORM_STAGE ? topics.raw : topics.outputOfSink.get(sinkOfStage(value.stage) ?? '');
  if (topic === undefined) return `the pipeline has no stage ${value.stage} any more`;
  if (value.topic !== topic || value.partition === null || value.partition >= topics.partitions) {
    return `it comes from ${value.topic ?? 'no topic'}, which is not what ${value.stage} reads now`;
  }
  return {
    letter,
    topic,
    partition: value.partition,
    key: value.recordKey,
    value: { kind: 'bytes', bytes: value.original },
    headers: [
      [MARK_HEADER, nextMark(value)],
      [FILE_TIME_HEADER, formatFileTime(file.mtimeMs)],
    ],
  };
}

function ingestStep(
  letter: Folded<DeadLetter>,
  original: Buffer,
  topics: ReplayTopics,
  file: IngestCounts,
  nowMs: number,
): ReplayStep {
  const { value } = letter;
  const key = `${file.source}/${file.path}`;
  const { source, path, size, mtimeMs, version } = file;
  return {
    letter,
    topic: topics.tasks,
    partition: partitionFor(Buffer.from(key), topics.partitions),
    key,
    value: {
      kind: 'task',
      task: {
        loadId: value.loadId,
        source,
        path,
        size,
        mtimeMs,
        version,
        issuedAt: nowMs,
        replay: {
          row: value.row,
          line: value.sourceLine ?? 0,
          attempt: value.attempt + 1,
          // The worker keeps the columns of the load's file.
          header: null,
          original,
        },
      },
    },
    headers: [[MARK_HEADER, nextMark(value)]],
  };
}

function nextMark({ loadId, row, attempt, stage }: DeadLetter): string {
  return formatReplayMark({ loadId, row, attempt: attempt + 1, stage });
}
