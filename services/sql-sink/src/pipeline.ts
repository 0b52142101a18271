import type { Pipeline, SinkDef } from '@millrace/config';
import { MillraceError } from '@millrace/core';
import type { SinkIdentity } from '@millrace/postgres';
import type { SinkContext } from '@millrace/service-kit';
import { type RunningSink, type SinkEvent, type SinkTarget, startPipelineSink } from '@millrace/sink-kit';
import { postgresTarget } from './adapters/postgres/postgres-target.ts';

/** The databases that this service writes to. Another one is another folder in `adapters/` and a line here. */
export const TARGETS: Readonly<
  Partial<Record<SinkDef['target']['kind'], (sink: SinkDef, identity: SinkIdentity) => SinkTarget>>
> = {
  postgres: postgresTarget,
};

/**
 * output topic → stage → merge → commit.
 *
 * For each partition of `<pipeline>.<output>`: claim it in the target, go on from the offset that the target holds,
 * stage a batch outside of any transaction, then merge, count and move the offset in one. The engine of it is
 * `@millrace/sink-kit`, what is PostgreSQL's lies in `adapters/postgres` and `@millrace/postgres`.
 */
export async function startSinkPipeline(
  pipeline: Pipeline,
  sink: SinkDef,
  context: SinkContext,
  emit: (event: SinkEvent) => void,
): Promise<RunningSink> {
  const identity = { instance: context.instance, pipeline: pipeline.name, sink: sink.name };
  const target = TARGETS[sink.target.kind]?.(sink, identity);
  if (target === undefined) throw notOurs(sink);
  return startPipelineSink(pipeline, sink, { ...context, service: 'sql-sink', target, emit });
}

function notOurs(sink: SinkDef): MillraceError {
  const message = `sink ${sink.name} is for another service: ${sink.target.kind}`;
  return new MillraceError({ kind: 'bug', code: 'MR-SINK-KIND', message });
}
