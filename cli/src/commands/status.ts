import type { LoadState } from '@millrace/contracts';
import type { Session } from '../session/session.ts';
import { gatherStatus, type PipelineStatus, type StageStatus, type TopicStatus } from '../status/gather.ts';
import { formatCount } from '../text/quantity.ts';
import { paintState, type Style } from '../text/style.ts';
import { type Column, table } from '../text/table.ts';
import { readLoads } from '../topics/own-records.ts';

/** `millrace status`: each pipeline's topics, lags, loads and dead letters. */
export async function status(session: Session, name?: string): Promise<void> {
  const { output } = session;
  const pipelines = name === undefined ? session.pipelines() : [session.pipeline(name)];
  const accounts = await readLoads(session);
  const all = await Promise.all(pipelines.map((pipeline) => gatherStatus(session, pipeline, accounts)));
  if (output.json) output.document({ pipelines: all });
  else if (all.length === 0) output.line(`no pipelines in ${session.environment.pipelinesFolder}`);
  else output.line(all.map((one) => statusLines(one, output.style).join('\n')).join('\n\n'));
}

const TOPICS: readonly Column<TopicStatus>[] = [
  { title: 'TOPIC', text: ({ topic }) => topic },
  {
    title: 'PARTITIONS',
    align: 'right',
    text: ({ partitions }) => (partitions === 0 ? 'none yet' : String(partitions)),
  },
  { title: 'OFFSETS', align: 'right', text: ({ records }) => formatCount(records) },
];

const STAGES: readonly Column<StageStatus>[] = [
  { title: 'STAGE', text: ({ stage }) => stage },
  { title: 'READS', text: ({ input }) => input },
  {
    title: 'LAG',
    align: 'right',
    text: ({ lag, problem }) => (problem === null ? formatCount(lag) : '?'),
  },
  { title: '', text: noteOf, paint: (_, style) => style.bad },
];

/** What is wrong with a stage's position, in words. */
function noteOf({ partitions, problem }: StageStatus): string {
  if (problem !== null) return problem;
  const lost = partitions.filter(({ trouble }) => trouble === 'lost').map(({ partition }) => partition);
  const ahead = partitions.filter(({ trouble }) => trouble === 'ahead').map(({ partition }) => partition);
  const notes: string[] = [];
  if (lost.length > 0) notes.push(`partition ${lost.join(', ')}: what it wants was deleted`);
  if (ahead.length > 0) notes.push(`partition ${ahead.join(', ')}: its position is past the end`);
  return notes.join('; ');
}

const STATES: readonly LoadState[] = ['open', 'balanced', 'balancedWithRejects', 'unbalanced', 'abandoned'];

export function statusLines(one: PipelineStatus, style: Style): string[] {
  const loads = STATES.flatMap((state) => {
    const n = one.loads[state] ?? 0;
    return n > 0 ? [paintState(style, state)(`${formatCount(n)} ${state}`)] : [];
  });
  const generation = one.generation > 1 ? ` (generation ${one.generation})` : '';
  return [
    style.bold(`pipeline ${one.pipeline}${generation}`),
    `loads: ${loads.length === 0 ? 'none yet' : loads.join(', ')}`,
    `dead letters: ${formatCount(one.deadLetters)}`,
    '',
    ...table(one.stages, STAGES, style).map((line) => line.trimEnd()),
    '',
    ...table(one.topics, TOPICS, style),
  ];
}
