import { formatCount } from '@millrace/cli';
import type { LoadAccount } from '@millrace/contracts';
import type { Target } from './target.ts';

/** One thing that must be true at the end. */
export interface Check {
  readonly what: string;
  readonly holds: boolean;
  /** What was found, where it does not hold. */
  readonly found: string;
}

/** What a turn of the watch loop sees. */
export interface Seen {
  readonly loads: readonly LoadAccount[];
  /** The served folder on disk. */
  readonly root: string;
}

/** An example as the runner plays it: what is delivered when, and what must come out. */
export interface ExamplePlan {
  readonly name: string;
  /** Its folder under `.millrace`. */
  readonly folder: string;
  /** Folder of the pipeline files. */
  readonly pipelines: string;
  /** Deliveries in all, each a load. */
  readonly expectedLoads: number;
  /** Data rows over all deliveries, for the progress line. */
  readonly expectedRows: number;
  /** Before the services start. */
  begin(root: string): Promise<void>;
  /** Every few hundred milliseconds until all is done: later deliveries. */
  turn(seen: Seen): Promise<void>;
  /** What the loads and tables must be, after reconciliation is through. */
  judge(seen: Seen, target: Target): Promise<readonly Check[]>;
}

export function check(what: string, holds: boolean, found: string): Check {
  return { what, holds, found: holds ? '' : found };
}

export function equal(what: string, found: number, expected: number): Check {
  return check(`${what} = ${formatCount(expected)}`, found === expected, `found ${formatCount(found)}`);
}

export function isBalanced({ state }: LoadAccount): boolean {
  return state === 'balanced' || state === 'balancedWithRejects';
}
