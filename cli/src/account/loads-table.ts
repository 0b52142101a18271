import type { LoadAccount } from '@millrace/contracts';
import { formatAge, formatCount, plural } from '../text/quantity.ts';
import { paintState, type Style } from '../text/style.ts';
import { type Column, shorten, table } from '../text/table.ts';
import { type Equation, equationsOf } from './equations.ts';

const PATH_WIDTH_MAX = 44;

/** Loads as a table, one line each, and a line that sums up. */
export function loadsTable(accounts: readonly LoadAccount[], nowMs: number, style: Style): string[] {
  const count = (title: string, pick: (load: LoadAccount) => number): Column<LoadAccount> => ({
    title,
    align: 'right',
    text: (load) => formatCount(pick(load)),
  });
  const sinkNames = [...new Set(accounts.flatMap((load) => Object.keys(load.sinks)))].sort();
  const several = new Set(accounts.map(({ pipeline }) => pipeline)).size > 1;
  const columns: Column<LoadAccount>[] = [
    ...(several ? [{ title: 'PIPELINE', text: (load: LoadAccount) => load.pipeline }] : []),
    { title: 'LOAD', text: (load) => load.loadId },
    { title: 'FILE', text: fileText },
    { title: 'STATE', text: (load) => load.state, paint: (load, s) => paintState(s, load.state) },
    count('ROWS', (load) => load.rows.n),
    count('PUBLISHED', (load) => load.published.n),
    count('ACCEPTED', (load) => load.accepted.n),
    count('DUPLICATES', (load) => load.duplicates.n),
    count('FILTERED', (load) => load.filtered.n),
    count('REJECTED', rejectedEverywhere),
    ...sinkNames.map((name) => ({ title: `→ ${name}`, text: (load: LoadAccount) => sinkText(load, name) })),
    { title: 'AGE', align: 'right', text: (load) => formatAge(nowMs - load.at) },
  ];
  return [...table(accounts, columns, style), '', summary(accounts)];
}

/** The path, and which delivery of it when it is not the first. */
function fileText({ path, version }: LoadAccount): string {
  const short = shorten(path, PATH_WIDTH_MAX);
  return version > 1 ? `${short} (${version})` : short;
}

/** Newest change first. */
export function newestFirst(accounts: readonly LoadAccount[]): LoadAccount[] {
  return accounts.toSorted((x, y) => y.at - x.at || (x.path < y.path ? -1 : 1));
}

function rejectedEverywhere(load: LoadAccount): number {
  const sinks = Object.values(load.sinks).reduce((sum, sink) => sum + sink.rejected.n, 0);
  return load.rejectedAtSource.n + load.rejected.n + sinks;
}

/** What the sink did with it, without what it did not: `990 inserted, 10 unchanged`. */
function sinkText(load: LoadAccount, name: string): string {
  const sink = load.sinks[name];
  if (!sink?.owes) return '–';
  const parts = (['inserted', 'updated', 'unchanged', 'superseded'] as const)
    .filter((verb) => sink[verb] > 0)
    .map((verb) => `${formatCount(sink[verb])} ${verb}`);
  if (sink.rejected.n > 0) parts.push(`${formatCount(sink.rejected.n)} rejected`);
  return parts.length === 0 ? '0' : parts.join(', ');
}

function summary(accounts: readonly LoadAccount[]): string {
  const states = new Map<string, number>();
  for (const { state } of accounts) states.set(state, (states.get(state) ?? 0) + 1);
  const parts = [...states].sort(([x], [y]) => (x < y ? -1 : 1)).map(([state, n]) => `${n} ${state}`);
  const rows = accounts.reduce((sum, load) => sum + load.rows.n, 0);
  return `${plural(accounts.length, 'load')}, ${plural(rows, 'row')}${parts.length > 0 ? `: ${parts.join(', ')}` : ''}`;
}

const SIGNS = { holds: '✓', behind: '…', broken: '✗' } as const;

/** The equations of a load, one line each with its sign. */
export function equationLines(account: LoadAccount, style: Style): string[] {
  const paint = { holds: style.good, behind: style.warn, broken: style.bad };
  const columns: Column<Equation>[] = [
    { title: '', text: ({ standing }) => SIGNS[standing], paint: ({ standing }) => paint[standing] },
    { title: '', text: ({ stage }) => stage },
    {
      title: '',
      text: ({ text, difference }) => (difference === '' ? text : `${text}   ${difference}`),
    },
  ];
  return table(equationsOf(account), columns, style)
    .slice(1)
    .map((line) => `  ${line}`);
}
