import { formatCount } from '@millrace/cli';
import type { Pipeline } from '@millrace/config';
import type { LoadAccount } from '@millrace/contracts';
import type { PartName } from '../../stack/src/index.ts';
import type { ServiceName } from './services.ts';
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
  /** The served folder on disk; where no files are served, the folder of the run. */
  readonly root: string;
}

/** What stands before the services start, and stays. */
export interface Site {
  readonly root: string;
  /** As the services get it. */
  readonly env: Readonly<Record<string, string>>;
  readonly pipelines: readonly Pipeline[];
}

/** Stops a service as an orchestrator would, or starts it again. */
export interface Crew {
  end(name: ServiceName): Promise<void>;
  begin(name: ServiceName): Promise<void>;
}

/** An example as the runner plays it: what is delivered when, and what must come out. */
export interface ExamplePlan {
  readonly name: string;
  /** Its folder under `.millrace`. */
  readonly folder: string;
  /** Folder of the pipeline files. */
  readonly pipelines: string;
  readonly parts: readonly PartName[];
  readonly services: readonly ServiceName[];
  /** Deliveries in all, each a load. Not fewer, where it cannot be known. */
  readonly expectedLoads: number;
  /** Data rows over all deliveries, for the progress line; null where it cannot be known. */
  readonly expectedRows: number | null;
  /** Before the services start. */
  begin(site: Site): Promise<void>;
  /** Every few hundred milliseconds until all is done: later deliveries. */
  turn(seen: Seen, crew: Crew): Promise<void>;
  /** Something other than loads that is still to come; absent where loads tell all. */
  awaits?(): string | null;
  /** What the loads and tables must be, after reconciliation is through. */
  judge(seen: Seen, target: Target): Promise<readonly Check[]>;
  /** After the report, where the example keeps running. */
  resume?(crew: Crew): Promise<void>;
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
