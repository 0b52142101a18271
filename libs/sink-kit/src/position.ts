import { MillraceError } from '@millrace/core';
import type { PartitionOffsets } from '@millrace/kafka';
import type { Position } from './port.ts';

/** A span of the topic that was deleted before this sink read it. */
export interface Gap {
  readonly from: number;
  readonly to: number;
}

/**
 * Compares the target's position with the log (ADR 0009, cases 12 and 13).
 * @throws MillraceError `halt` above the log's end: the topic was made again, or the target restored from a later time
 */
export function gapBefore(position: Pick<Position, 'next'>, log: PartitionOffsets): Gap | null {
  if (position.next > log.highWatermark) {
    throw new MillraceError({
      kind: 'halt',
      code: 'MR-SINK-ABOVE-END',
      message: `the target continues at offset ${position.next}, but the log ends at ${log.highWatermark}`,
      remedy: 'The topic was deleted or made again. Restore it, or raise the generation of the pipeline.',
    });
  }
  return position.next < log.start ? { from: position.next, to: log.start } : null;
}

export function truncated({ from, to }: Gap): MillraceError {
  return new MillraceError({
    kind: 'halt',
    code: 'MR-SINK-TRUNCATED',
    message: `offsets ${from} to ${to - 1} were deleted before they were written; recorded in millrace_gap`,
    remedy: 'Set onTruncation: gap of the sink to go on behind them, or restore the topic.',
  });
}
