import { emptyTally, sameTally, sumTallies, type Tally } from '@millrace/core';
import type { LoadAccount, LoadState } from './reconcile.ts';

export type Counted = Omit<LoadAccount, 'openRejects' | 'state' | 'differences'>;
export type Judgement = Pick<LoadAccount, 'openRejects' | 'state' | 'differences'>;

interface Equation {
  readonly text: string;
  readonly left: Tally;
  readonly right: Tally;
  /**
   * Whether the left side can still grow. The ledger's partitions are read one after the other, so a stage may be
   * seen ahead of the one that feeds it: that is no difference before the feeding stage is complete.
   */
  readonly leftMayGrow: boolean;
  /** Both sides stand in the same entries: then they are never behind each other, only wrong. */
  readonly together: boolean;
}

/** The equations of ADR 0003 over the sums of one load. */
export function judge(load: Counted): Judgement {
  const published = sumTallies([load.published, load.resolvedAtSource]);
  const transformed = sumTallies([load.accepted, load.duplicates, load.filtered, load.rejected]);
  const sourceOpen = load.sourceState === 'open';
  const transformOpen = sourceOpen || transformed.n < published.n;
  const equations: Equation[] = [
    {
      text: 'rows = published + rejected at source',
      left: load.rows,
      right: sumTallies([load.published, load.rejectedAtSource]),
      leftMayGrow: false,
      together: true,
    },
    {
      text: 'published + resolved at source = accepted + duplicates + filtered + rejected',
      left: published,
      right: transformed,
      leftMayGrow: sourceOpen,
      together: false,
    },
    ...Object.entries(load.sinks).flatMap(([name, sink]) =>
      sink.owes ? sinkEquations(load, name, sink, transformOpen) : [],
    ),
  ];
  const stages: RejectingStage[] = [
    { stage: 'source', rejected: load.rejectedAtSource, resolved: load.resolvedAtSource },
    { stage: 'transform', rejected: load.rejected, resolved: load.resolved },
    // Also of a sink that owes nothing: what it rejected lies in the dead letters.
    ...Object.entries(load.sinks).map(([stage, { rejected, resolved }]) => ({ stage, rejected, resolved })),
  ];
  const wrong = equations.filter(isWrong);
  const behind = equations.filter((one) => !isWrong(one) && !sameTally(one.left, one.right));
  const impossible = [...emittedLess(load), ...stages.flatMap(resolvedMore)];
  const openRejects = stages.reduce((sum, { rejected, resolved }) => sum + open(rejected, resolved), 0);
  return {
    openRejects,
    state: stateOf(load.sourceState, wrong.length + impossible.length, behind.length, openRejects),
    differences: [...[...wrong, ...behind].map(inWords), ...impossible],
  };
}

function sinkEquations(
  load: Counted,
  name: string,
  sink: LoadAccount['sinks'][string],
  emittedMayGrow: boolean,
): Equation[] {
  const emitted = Object.hasOwn(load.emitted, sink.output) ? load.emitted[sink.output] : undefined;
  const counted = sink.inserted + sink.updated + sink.unchanged + sink.superseded;
  return [
    {
      text: `emitted.${sink.output} = ${name}: applied + rejected`,
      left: emitted ?? emptyTally(),
      right: sumTallies([sink.applied, sink.rejected]),
      leftMayGrow: emittedMayGrow,
      together: false,
    },
    {
      text: `${name}: applied = inserted + updated + unchanged + superseded`,
      left: { ...emptyTally(), n: sink.applied.n },
      right: { ...emptyTally(), n: counted },
      leftMayGrow: false,
      together: true,
    },
  ];
}

function isWrong({ left, right, leftMayGrow, together }: Equation): boolean {
  if (sameTally(left, right)) return false;
  return together || (!leftMayGrow && right.n >= left.n);
}

function inWords({ text, left, right }: Equation): string {
  return `${text}: ${left.n} ≠ ${right.n}${left.n === right.n ? ' (same count, other rows)' : ''}`;
}

/** An accepted record goes to one output or several; replays add to the outputs alone. */
function emittedLess(load: Counted): string[] {
  const emitted = Object.values(load.emitted).reduce((sum, { n }) => sum + n, 0);
  return load.accepted.n > emitted ? [`accepted ≤ emitted: ${load.accepted.n} > ${emitted}`] : [];
}

interface RejectingStage {
  readonly stage: string;
  readonly rejected: Tally;
  readonly resolved: Tally;
}

/** A stage resolves its own rejects, each once: more than these, or as many others, is a doubled row. */
function resolvedMore({ stage, rejected, resolved }: RejectingStage): string[] {
  if (resolved.n < rejected.n || sameTally(rejected, resolved)) return [];
  const others = rejected.n === resolved.n ? ' (same count, other rows)' : '';
  return [`${stage}: resolved ≤ rejected: ${resolved.n} > ${rejected.n}${others}`];
}

/** Not below zero: too much at one stage must not pay for an open reject of another. */
function open(rejected: Tally, resolved: Tally): number {
  return Math.max(0, rejected.n - resolved.n);
}

function stateOf(
  source: LoadAccount['sourceState'],
  wrong: number,
  behind: number,
  openRejects: number,
): LoadState {
  if (wrong > 0) return 'unbalanced';
  if (source === 'open' || behind > 0) return 'open';
  if (source === 'abandoned') return 'abandoned';
  return openRejects > 0 ? 'balancedWithRejects' : 'balanced';
}
