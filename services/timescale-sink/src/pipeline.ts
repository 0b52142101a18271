import type { Pipeline, SinkDef } from '@millrace/config';
import { MillraceError } from '@millrace/core';
import { sinkColumn } from '@millrace/postgres';
import type { SinkAtWork, SinkContext } from '@millrace/service-kit';
import { startPipelineSink } from '@millrace/sink-kit';
import { type TimescaleSink, timescaleTarget } from './adapters/timescale/timescale-target.ts';
import { openUpkeep } from './adapters/timescale/upkeep-session.ts';
import type { Server } from './domain/server.ts';
import type { TimescaleEvent } from './events.ts';
import { Upkeep } from './upkeep.ts';

/**
 * output topic → stage → note touched buckets + merge → commit, and beside it: touched buckets → aggregates, old rows → drop.
 *
 * The first is what every SQL sink does (`@millrace/sink-kit`, `@millrace/postgres`), with a hypertable as its table.
 * The second, `upkeep.ts`, is done by one process at a time, where the server does not do it.
 */
export async function startSinkPipeline(
  pipeline: Pipeline,
  sink: SinkDef,
  context: SinkContext,
  emit: (event: TimescaleEvent) => void,
): Promise<SinkAtWork> {
  if (!isTimescale(sink)) throw notOurs(sink);
  const identity = { instance: context.instance, pipeline: pipeline.name, sink: sink.name };
  let server: Server | null = null;
  const onServer = (found: Server): void => {
    if (found.description !== server?.description) {
      const { kind, version, description } = found;
      emit({ type: 'server', kind, version, description });
    }
    server = found;
  };
  const target = timescaleTarget(sink, identity, onServer);
  const running = await startPipelineSink(pipeline, sink, {
    ...context,
    service: 'timescale-sink',
    target,
    emit,
  });
  const { series } = sink.target;
  const upkeep = new Upkeep({
    table: sink.table,
    series,
    open: async () => {
      const session = await openUpkeep(sink, sinkColumn(identity));
      onServer(session.server);
      return session;
    },
    clock: context.clock,
    random: Math.random,
    emit,
  });
  return {
    host: running.host,
    lastProgressAt: () => running.lastProgressAt(),
    detail: () => ({
      kind: server?.kind ?? 'unknown',
      server: server?.description ?? '',
      upkeep: upkeep.state,
    }),
    stop: () => upkeep.stop(),
  };
}

function isTimescale(sink: SinkDef): sink is TimescaleSink {
  return sink.target.kind === 'timescale';
}

function notOurs(sink: SinkDef): MillraceError {
  const message = `sink ${sink.name} is for another service: ${sink.target.kind}`;
  return new MillraceError({ kind: 'bug', code: 'MR-SINK-KIND', message });
}
