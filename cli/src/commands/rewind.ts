import type { Pipeline, SinkDef } from '@millrace/config';
import { ledgerName, topics } from '@millrace/contracts';
import { MillraceError } from '@millrace/core';
import type { KafkaClient } from '@millrace/kafka';
import { rewind } from '@millrace/postgres';
import type { Session } from '../session/session.ts';
import { placeOf, readPositions, type SinkPosition, withTarget } from '../sink/positions.ts';
import {
  firstOffsetsOf,
  type LogBounds,
  parseRewindTo,
  planRewind,
  type RewindStep,
  type RewindTo,
} from '../sink/rewind-plan.ts';
import { formatCount, plural } from '../text/quantity.ts';
import { type Column, table } from '../text/table.ts';
import { accountsOf, readLedger } from '../topics/own-records.ts';
import { findLoad } from './loads.ts';

export interface RewindOptions {
  readonly to?: string;
  readonly load?: string;
  /** Show what would be done and do nothing. */
  readonly plan: boolean;
}

/**
 * `millrace rewind <pipeline>/<sink>`: lowers the sink's positions in its target, so that records are applied again.
 * A merge leaves rows of the same version alone, append has a unique (load, row), and nothing is counted twice.
 */
export async function rewindSink(session: Session, name: string, options: RewindOptions): Promise<void> {
  const { pipeline, sink } = findSink(session, name);
  const kafka = await session.kafka();
  const wish = await wishOf(session, kafka, pipeline, sink, options);
  const topic = topics.output(pipeline, sink.output);
  const place = placeOf(session, pipeline, sink);
  await withTarget(sink, async (connection) => {
    const positions = await readPositions(connection, place);
    if (positions.size === 0) throw neverRan(name);
    const bounds = await boundsOf(kafka, topic, [...positions.keys()]);
    const nexts = new Map([...positions].map(([partition, { next }]) => [partition, next]));
    const steps = planRewind(nexts, bounds, wish);
    const moving = steps
      .filter(({ from, to }) => to < from)
      .map(({ partition, from, to }) => ({
        partition,
        next: from,
        to,
        countedThrough: positions.get(partition)?.countedThrough ?? 0,
      }));
    const moved = options.plan || moving.length === 0 ? [] : await rewind(connection, place, moving);
    report(session, name, sink, steps, positions, options.plan, moved);
  });
}

function findSink(session: Session, name: string): { pipeline: Pipeline; sink: SinkDef } {
  const [pipelineName = '', sinkName = '', more] = name.split('/');
  if (pipelineName === '' || sinkName === '' || more !== undefined) {
    throw new MillraceError({
      kind: 'config',
      code: 'MR-CLI-SINK',
      message: `"${name}" is not <pipeline>/<sink>`,
      remedy: 'For instance: millrace rewind historian/tagdata --to beginning --plan',
    });
  }
  const pipeline = session.pipeline(pipelineName);
  const sink = pipeline.sinks.find((one) => one.name === sinkName);
  if (sink) return { pipeline, sink };
  throw new MillraceError({
    kind: 'config',
    code: 'MR-CLI-SINK',
    message: `pipeline ${pipelineName} has no sink "${sinkName}"`,
    remedy: `It has: ${pipeline.sinks.map((one) => one.name).join(', ')}.`,
  });
}

async function wishOf(
  session: Session,
  kafka: KafkaClient,
  pipeline: Pipeline,
  sink: SinkDef,
  { to, load }: RewindOptions,
): Promise<RewindTo> {
  if ((to === undefined) === (load === undefined)) {
    throw new MillraceError({
      kind: 'config',
      code: 'MR-CLI-REWIND-TO',
      message: 'nothing, or too much, says where to rewind to',
      remedy: 'Give one of --to beginning, --to <offset>, --load <id>. See first with --plan.',
    });
  }
  if (to !== undefined) return parseRewindTo(to);
  const entries = await readLedger(kafka, session.ownRegistry(), session.signal);
  const ofPipeline = entries.filter((entry) => entry.pipeline === ledgerName(pipeline));
  const { loadId } = findLoad(accountsOf(session, ofPipeline), load ?? '');
  return { kind: 'load', firsts: firstOffsetsOf(ofPipeline, loadId, sink.output) };
}

async function boundsOf(
  kafka: KafkaClient,
  topic: string,
  partitions: readonly number[],
): Promise<Map<number, LogBounds>> {
  const bounds = partitions.map(async (partition) => {
    const { start, highWatermark } = await kafka.offsets(topic, partition);
    return [partition, { start, end: highWatermark }] as const;
  });
  return new Map(await Promise.all(bounds));
}

function neverRan(name: string): MillraceError {
  return new MillraceError({
    kind: 'config',
    code: 'MR-CLI-SINK-NEVER-RAN',
    message: `the target knows no positions of ${name}`,
    remedy: 'It has not run yet under this MILLRACE_INSTANCE, so there is nothing to rewind.',
  });
}

function report(
  session: Session,
  name: string,
  sink: SinkDef,
  steps: readonly RewindStep[],
  positions: ReadonlyMap<number, SinkPosition>,
  plan: boolean,
  moved: readonly number[],
): void {
  const { output } = session;
  const again = steps.reduce((sum, { from, to }) => sum + from - to, 0);
  if (output.json) {
    const partitions = steps.map((step) => ({
      ...step,
      countedThrough: positions.get(step.partition)?.countedThrough ?? 0,
      moved: moved.includes(step.partition),
    }));
    output.document({ sink: name, planned: plan, offsets: again, partitions });
    return;
  }
  const columns: Column<RewindStep>[] = [
    { title: 'PARTITION', align: 'right', text: ({ partition }) => String(partition) },
    { title: 'FROM', align: 'right', text: ({ from }) => formatCount(from) },
    { title: 'TO', align: 'right', text: ({ to }) => formatCount(to) },
    { title: 'AGAIN', align: 'right', text: ({ from, to }) => formatCount(from - to) },
    { title: '', text: ({ note }) => note },
  ];
  output.lines(table(steps, columns, output.style).map((line) => line.trimEnd()));
  output.line();
  const kept =
    sink.write.mode === 'merge'
      ? 'rows of the same version stay as they are'
      : 'rows that are there are found by load and row';
  output.line(
    plan
      ? `would apply ${plural(again, 'offset')} again; ${kept}, no load is counted twice; nothing was changed`
      : `${plural(moved.length, 'partition')} rewound, ${plural(again, 'offset')} to apply again; ${kept}, no load is counted twice`,
  );
  if (plan && again > 0) output.note('leave --plan out to do it');
}
