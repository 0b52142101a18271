import type { Connection } from './connection.ts';
import { quoteIdent } from './quote.ts';

export interface RewindPlace {
  readonly schema: string;
  /** `<instance>/<pipeline>/<sink>`, see `sinkColumn`. */
  readonly sink: string;
  readonly topic: string;
}

export interface RewindStep {
  readonly partition: number;
  readonly next: number;
  /** Where it will continue: never above `next`. */
  readonly to: number;
  /** Rows below it are applied again and counted no second time. */
  readonly countedThrough: number;
}

/** Where a partition shall continue: the same offset for all, or one each. Below the log's start it would halt. */
export type RewindTarget = number | ReadonlyMap<number, number>;

/** What `rewind` would do. Changes nothing. */
export async function rewindPlan(
  connection: Connection,
  place: RewindPlace,
  target: RewindTarget,
): Promise<readonly RewindStep[]> {
  const rows = await connection.rows<{ partition: number; next: string; counted_through: string }>(
    `SELECT partition, next, counted_through FROM ${quoteIdent(place.schema)}.millrace_offset
     WHERE sink = $1 AND topic = $2 ORDER BY partition`,
    [place.sink, place.topic],
    'reading the positions of the sink',
  );
  return rows.map((row) => {
    const next = Number(row.next);
    const wanted = typeof target === 'number' ? target : (target.get(row.partition) ?? next);
    return {
      partition: row.partition,
      next,
      to: Math.max(0, Math.min(next, wanted)),
      countedThrough: Number(row.counted_through),
    };
  });
}

/**
 * Lowers `next` as planned, in one statement. A running sink finds its position changed and claims again from there.
 * Returns the partitions that moved: one that has applied more meanwhile does, one that was rewound further does not.
 */
export async function rewind(
  connection: Connection,
  place: RewindPlace,
  plan: readonly RewindStep[],
): Promise<readonly number[]> {
  const moved = await connection.rows<{ partition: number }>(
    `UPDATE ${quoteIdent(place.schema)}.millrace_offset o SET next = p.to_offset, updated_at = now()
     FROM unnest($3::int[], $4::bigint[]) AS p (partition, to_offset)
     WHERE o.sink = $1 AND o.topic = $2 AND o.partition = p.partition AND o.next > p.to_offset
     RETURNING o.partition`,
    [place.sink, place.topic, plan.map((step) => step.partition), plan.map((step) => step.to)],
    'rewinding the sink',
  );
  return moved.map((row) => row.partition);
}
