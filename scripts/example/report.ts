import {
  type Folded,
  formatCount,
  loadJson,
  loadsTable,
  plural,
  type Style,
  safeText,
  table,
} from '@millrace/cli';
import type { Pipeline } from '@millrace/config';
import type { DeadLetter, LoadAccount } from '@millrace/contracts';
import { type Check, isBalanced } from './plan.ts';
import type { Target } from './target.ts';

const REJECTS_SHOWN_MAX = 12;
const REJECTS_OF_A_FILE_MAX = 3;
const SAMPLE_ROWS = 5;
/** More columns than a line holds. */
const WIDE = 12;
const COLUMNS_OF_WIDE_MAX = 6;

export interface Outcome {
  readonly loads: readonly LoadAccount[];
  readonly checks: readonly Check[];
  readonly seconds: number;
  readonly rejects: readonly Folded<DeadLetter>[];
  /** Rows by table. */
  readonly targets: Readonly<Record<string, number>>;
}

/** Whether every load balances and everything is as it must be. */
export function isWell({ loads, checks }: Outcome): boolean {
  return loads.length > 0 && loads.every(isBalanced) && checks.every(({ holds }) => holds);
}

/** The one document of `--json`. */
export function outcomeJson(outcome: Outcome): object {
  return {
    balanced: isWell(outcome),
    seconds: Number(outcome.seconds.toFixed(1)),
    loads: byPath(outcome.loads).map(loadJson),
    targets: outcome.targets,
  };
}

export function byPath(loads: readonly LoadAccount[]): LoadAccount[] {
  return loads.toSorted((x, y) => (x.path < y.path ? -1 : x.path > y.path ? 1 : x.version - y.version));
}

/** What has become of a load, in one line, and how to see more of it. */
export function loadLine(load: LoadAccount): string {
  const json = loadJson(load);
  const sinks = Object.values(json.sinks);
  const sum = (of: (sink: (typeof sinks)[number]) => number): number =>
    sinks.reduce((total, sink) => total + of(sink), 0);
  const parts: [number, string][] = [
    [sum(({ inserted }) => inserted), 'inserted'],
    [sum(({ updated }) => updated), 'updated'],
    [sum(({ unchanged }) => unchanged), 'unchanged'],
    [sum(({ superseded }) => superseded), 'superseded'],
    [json.duplicates, 'duplicates'],
    [json.filtered, 'filtered'],
    [json.rejectedAtSource + json.rejected + sum(({ rejected }) => rejected), 'rejected'],
    [load.resolved.n + load.resolvedAtSource.n, 'of them resolved'],
  ];
  const counts = parts.flatMap(([n, what]) => (n > 0 ? [`${formatCount(n)} ${what}`] : []));
  const what = [plural(json.rows, 'row'), ...counts].join(', ');
  return `${safeText(load.path)}: ${load.state}: ${what} · npx millrace load ${load.loadId}`;
}

/** Tables of the pipelines' sinks with the order that their rows are shown in. */
export function tablesOf(pipelines: readonly Pipeline[]): { table: string; order: readonly string[] }[] {
  return pipelines.flatMap(({ sinks }) =>
    sinks.flatMap(({ table: name, write, columns, target }) => [
      {
        table: name,
        order: write.mode === 'merge' ? write.key : columns.slice(0, 1).map((column) => column.name),
      },
      ...(target.kind === 'timescale' ? target.series.aggregates : []).map((aggregate) => ({
        table: aggregate.name,
        order: [...aggregate.by, 'bucket'],
      })),
    ]),
  );
}

/** What the run has come to, for people. */
export async function reportLines(
  outcome: Outcome,
  pipelines: readonly Pipeline[],
  target: Target,
  nowMs: number,
  style: Style,
): Promise<string[]> {
  const lines = ['', style.bold('Loads'), ...loadsTable(byPath(outcome.loads), nowMs, style)];
  for (const { table: name, order } of tablesOf(pipelines)) {
    const count = outcome.targets[name] ?? 0;
    lines.push('', style.bold(`Table ${name}: ${plural(count, 'row')}`));
    lines.push(...sampleLines(await target.sample(name, order, SAMPLE_ROWS), order, style));
  }
  const paths = new Map(outcome.loads.map(({ loadId, path }) => [loadId, path]));
  lines.push('', ...rejectLines(outcome.rejects, paths, style), '', style.bold('Checks'));
  for (const { what, holds, found } of outcome.checks) {
    lines.push(holds ? `  ${style.good('✓')} ${what}` : `  ${style.bad('✗')} ${what}: ${found}`);
  }
  return lines;
}

function sampleLines(
  rows: readonly Record<string, string>[],
  order: readonly string[],
  style: Style,
): string[] {
  const columns = shownColumns(rows, order).map((name) => ({
    title: name,
    text: (row: Record<string, string>) => row[name] ?? '',
    max: 40,
  }));
  return table(rows, columns, style);
}

/** All; of a wide table those that it is ordered by and those that differ from row to row. */
function shownColumns(rows: readonly Record<string, string>[], order: readonly string[]): string[] {
  const names = Object.keys(rows[0] ?? {});
  if (names.length <= WIDE) return names;
  const differ = names.filter((name) => new Set(rows.map((row) => row[name])).size > 1);
  return [...new Set([...order, ...differ])].slice(0, COLUMNS_OF_WIDE_MAX);
}

type Paths = ReadonlyMap<string, string>;

/** Behind the source a dead letter names its record; the file is that of its load. */
function pathOf({ sourcePath, loadId }: DeadLetter, paths: Paths): string {
  return sourcePath ?? paths.get(loadId) ?? `load ${loadId}`;
}

/** Some of many files rather than all of one; letters are in the order of files and rows. */
function some(letters: readonly Folded<DeadLetter>[]): Folded<DeadLetter>[] {
  const shown = new Map<string, number>();
  const picked = letters.filter(({ value: { loadId } }) => {
    const n = shown.get(loadId) ?? 0;
    shown.set(loadId, n + 1);
    return n < REJECTS_OF_A_FILE_MAX;
  });
  return picked.slice(0, REJECTS_SHOWN_MAX);
}

function rejectLines(rejects: readonly Folded<DeadLetter>[], paths: Paths, style: Style): string[] {
  const sorted = rejects.toSorted(
    ({ value: x }, { value: y }) =>
      pathOf(x, paths).localeCompare(pathOf(y, paths)) || x.loadId.localeCompare(y.loadId) || x.row - y.row,
  );
  const picked = some(sorted);
  const lines = table(
    picked,
    [
      { title: 'FILE', text: ({ value }) => pathOf(value, paths), max: 44 },
      {
        title: 'LINE',
        align: 'right',
        text: ({ value }) => (value.sourceLine === null ? `row ${value.row}` : String(value.sourceLine)),
      },
      { title: 'REASON', text: ({ value }) => value.reason, paint: (_, s) => s.warn },
      { title: 'MESSAGE', text: ({ value }) => safeText(value.message), max: 100 },
    ],
    style,
  );
  const more = rejects.length - picked.length;
  return [
    style.bold(`Rejects: ${plural(rejects.length, 'row')}, set aside and not lost`),
    ...(rejects.length > 0 ? lines : []),
    ...(more > 0 ? [`… and ${formatCount(more)} more`] : []),
  ];
}

/** What a newcomer would try next. `running`: everything is still up. */
export function nextLines(
  envFile: string,
  folder: string | null,
  outcome: Outcome,
  pipelines: readonly Pipeline[],
  running: boolean,
  style: Style,
): string[] {
  if (!running) return ['', 'Run it without --once to look around while everything is up.'];
  const [pipeline] = pipelines;
  const name = pipeline?.name ?? '';
  const withRejects = outcome.loads.find(({ openRejects }) => openRejects > 0) ?? outcome.loads[0];
  return [
    '',
    style.bold('Next, in another terminal'),
    `  set -a; . ${envFile}; set +a`,
    '  npx millrace status',
    `  npx millrace load ${withRejects?.loadId ?? '<id>'}`,
    `  npx millrace tail ${name}.${pipeline?.transform.outputs[0]?.name ?? 'clean'} --from beginning --limit 10`,
    `  npx millrace dead-letters ls --pipeline ${name} --limit 10`,
    `  npx millrace dead-letters replay --pipeline ${name} --plan`,
    `  npx millrace rewind ${name}/${pipeline?.sinks[0]?.name ?? ''} --to beginning --plan`,
    '',
    ...(folder === null
      ? ['Everything keeps running, and the plant goes on.']
      : ['Everything keeps running. Drop files of your own into', `  ${folder}`]),
    `Kill a service with kill -9: it is started again. What becomes of each ${folder === null ? 'load' : 'file'} is said here. Ctrl-C stops it all.`,
  ];
}
