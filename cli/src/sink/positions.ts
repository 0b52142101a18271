import type { Pipeline, SinkDef } from '@millrace/config';
import { topics } from '@millrace/contracts';
import { MillraceError } from '@millrace/core';
import { type Connection, connect, type RewindPlace, rewindPlan, sinkColumn } from '@millrace/postgres';
import type { Session } from '../session/session.ts';

/** A person waits: the target answers soon or is named as away. */
const TARGET_TIMEOUT_MS = 10_000;

/** Opens the sink's target for as long as `use` runs. */
export async function withTarget<T>(sink: SinkDef, use: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await connect({
    url: sink.target.url.reveal(),
    applicationName: 'millrace cli',
    connectTimeoutMs: TARGET_TIMEOUT_MS,
    statementTimeoutMs: TARGET_TIMEOUT_MS,
  });
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

/** Where the target keeps the sink's positions. */
export function placeOf(session: Session, pipeline: Pipeline, sink: SinkDef): RewindPlace {
  const { instance } = session.environment;
  return {
    schema: sink.schema,
    sink: sinkColumn({ instance, pipeline: pipeline.name, sink: sink.name }),
    topic: topics.output(pipeline, sink.output),
  };
}

export interface SinkPosition {
  readonly next: number;
  /** What lies below it has been counted, and is counted no second time. */
  readonly countedThrough: number;
}

/** Positions by partition, as the target holds them. Empty when the sink has never run. */
export async function readPositions(
  connection: Connection,
  place: RewindPlace,
): Promise<Map<number, SinkPosition>> {
  try {
    const rows = await rewindPlan(connection, place, Number.MAX_SAFE_INTEGER);
    return new Map(rows.map(({ partition, next, countedThrough }) => [partition, { next, countedThrough }]));
  } catch (thrown) {
    // The sink makes the table when it first starts.
    if (thrown instanceof MillraceError && thrown.code === 'MR-PG-NO-TABLE') return new Map();
    throw thrown;
  }
}

/** `readPositions` with a connection of its own. */
export function sinkPositions(
  session: Session,
  pipeline: Pipeline,
  sink: SinkDef,
): Promise<Map<number, SinkPosition>> {
  return withTarget(sink, (connection) => readPositions(connection, placeOf(session, pipeline, sink)));
}
