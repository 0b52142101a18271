import type { LoadAccount, SinkAccount } from '@millrace/contracts';
import { emptyTally, sameTally, sumTallies, type Tally } from '@millrace/core';
import { formatCount } from '../text/quantity.ts';

/** How an equation stands: holds; still coming (right side smaller); broken for good. */
export type Standing = 'holds' | 'behind' | 'broken';

export interface Equation {
  /** `source`, `transform`, `sink tagdata`. */
  readonly stage: string;
  /** With its numbers: `rows 10 = published 9 + rejected 1`. */
  readonly text: string;
  readonly standing: Standing;
  /** What is wrong, in words; empty when it holds. */
  readonly difference: string;
}

type Term = readonly [name: string, tally: Readonly<Tally>];

/** The account of a load as the equations of ADR 0003, with their numbers, in the order of the data path. */
export function equationsOf(account: LoadAccount): Equation[] {
  const arrived: Term[] = [['published', account.published]];
  // A replay at the source adds rows for the transformer: only shown where there is one.
  if (account.resolvedAtSource.n > 0) arrived.push(['resolved at source', account.resolvedAtSource]);
  return [
    equation(
      'source',
      [['rows', account.rows]],
      [
        ['published', account.published],
        ['rejected', account.rejectedAtSource],
      ],
    ),
    equation('transform', arrived, [
      ['accepted', account.accepted],
      ['duplicates', account.duplicates],
      ['filtered', account.filtered],
      ['rejected', account.rejected],
    ]),
    ...Object.entries(account.sinks).flatMap(([name, sink]) => sinkEquations(account, name, sink)),
  ];
}

function sinkEquations(account: LoadAccount, name: string, sink: SinkAccount): Equation[] {
  const stage = `sink ${name}`;
  if (!sink.owes) {
    const text = 'owes nothing: it was added after this load';
    return [{ stage, text, standing: 'holds', difference: '' }];
  }
  const emitted = account.emitted[sink.output] ?? emptyTally();
  return [
    equation(
      stage,
      [[`emitted to ${sink.output}`, emitted]],
      [
        ['applied', sink.applied],
        ['rejected', sink.rejected],
      ],
    ),
    equation(
      stage,
      [['applied', countOnly(sink.applied.n)]],
      [
        ['inserted', countOnly(sink.inserted)],
        ['updated', countOnly(sink.updated)],
        ['unchanged', countOnly(sink.unchanged)],
        ['superseded', countOnly(sink.superseded)],
      ],
    ),
  ];
}

function equation(stage: string, left: readonly Term[], right: readonly Term[]): Equation {
  const sides = [sumTallies(left.map(([, t]) => t)), sumTallies(right.map(([, t]) => t))] as const;
  const standing = standingOf(...sides);
  return {
    stage,
    text: `${terms(left)} = ${terms(right)}`,
    standing,
    difference: differenceOf(...sides),
  };
}

function standingOf(left: Tally, right: Tally): Standing {
  if (sameTally(left, right)) return 'holds';
  return right.n < left.n ? 'behind' : 'broken';
}

function differenceOf(left: Tally, right: Tally): string {
  if (sameTally(left, right)) return '';
  if (left.n === right.n) return 'same count, other rows: one lost and one doubled';
  return right.n < left.n
    ? `${formatCount(left.n - right.n)} still missing`
    : `${formatCount(right.n - left.n)} too many`;
}

function terms(side: readonly Term[]): string {
  return side.map(([name, tally]) => `${name} ${formatCount(tally.n)}`).join(' + ');
}

function countOnly(n: number): Tally {
  return { ...emptyTally(), n };
}
