import { MillraceError } from '@millrace/core';
import { parseJson } from './state-json.ts';

export const NEXT_KEY = 'next';

/** The record `next` of the state topic. */
export interface StoredPosition {
  /** Input offset of the next batch. */
  readonly next: number;
  readonly layout: string;
  readonly clusterId: string;
  /** Stream time: the highest record timestamp so far, milliseconds. */
  readonly time: number;
}

/** A span of the input that was deleted before it was read. */
export interface Gap {
  readonly from: number;
  /** First offset that is there again. */
  readonly to: number;
}

export function parsePosition(value: Buffer): StoredPosition | null {
  const json = parseJson(value);
  if (typeof json !== 'object' || json === null) return null;
  const { next, layout, clusterId, time } = json as Partial<Record<keyof StoredPosition, unknown>>;
  if (!Number.isSafeInteger(next) || (next as number) < 0 || typeof layout !== 'string') return null;
  if (typeof clusterId !== 'string' || typeof time !== 'number') return null;
  return { next: next as number, layout, clusterId, time };
}

/**
 * Where a run begins. Without state it is offset 0: a generation's topics begin there, and the transformer owes all.
 * @throws MillraceError `halt` where only a person can decide (ADR 0008, cases 8, 10, 11)
 */
export function startingPosition(
  stored: StoredPosition | null,
  world: {
    readonly layout: string;
    readonly clusterId: string;
    readonly start: number;
    readonly end: number;
  },
  onTruncation: 'halt' | 'gap',
): { readonly next: number; readonly gap: Gap | null } {
  if (stored !== null && stored.clusterId !== world.clusterId) throw otherCluster();
  if (stored !== null && stored.layout !== world.layout) throw otherLayout(stored.layout, world.layout);
  const next = stored?.next ?? 0;
  if (next > world.end) throw aboveEnd(next, world.end);
  if (next >= world.start) return { next, gap: null };
  if (onTruncation === 'gap') return { next: world.start, gap: { from: next, to: world.start } };
  throw new MillraceError({
    kind: 'halt',
    code: 'MR-TRANSFORM-TRUNCATED',
    message: `input offsets ${next} to ${world.start - 1} were deleted before they were read`,
    remedy: 'Set transform.onTruncation: gap to record the gap and go on, or restore the topic.',
  });
}

function otherCluster(): MillraceError {
  return new MillraceError({
    kind: 'halt',
    code: 'MR-TRANSFORM-OTHER-CLUSTER',
    message: 'the state of this pipeline was written in another Kafka cluster',
    remedy: 'Point the service at the cluster that it ran on, or start a new generation of the pipeline.',
  });
}

function otherLayout(stored: string, now: string): MillraceError {
  return new MillraceError({
    kind: 'halt',
    code: 'MR-TRANSFORM-LAYOUT',
    message: `the pipeline's key, dedupe, outputs or sinks changed: state has layout ${stored}, the file ${now}`,
    remedy: 'Put the file back and let the pipeline drain, then change it together with generation: n + 1.',
  });
}

function aboveEnd(next: number, end: number): MillraceError {
  return new MillraceError({
    kind: 'halt',
    code: 'MR-TRANSFORM-ABOVE-END',
    message: `the next input offset is ${next}, but the log ends at ${end}`,
    remedy: 'The raw topic was deleted or made again. Restore it, or start a new generation of the pipeline.',
  });
}
