import type { ClientSession, DataValue } from 'node-opcua-client';
import type { MonitoredTag } from './adapters/opcua/group-subscription.ts';
import { readHistory } from './adapters/opcua/history.ts';
import type { OperationLimits } from './adapters/opcua/limits.ts';
import type { CollectorEvent } from './events.ts';
import type { Intake } from './intake.ts';

/** What a new process does not know about single tags: values that were still in the server's queues. */
const MARGIN_MS = 1_000;

export interface BackfillDeps {
  readonly session: ClientSession;
  readonly limits: OperationLimits;
  readonly intake: Intake;
  readonly server: string;
  readonly emit: (event: CollectorEvent) => void;
}

/** The source times (ms) between which each tag of a group is missing. */
export class Hole {
  readonly fromMs: number;
  #toMs: number;
  /** Last kept before it, first kept behind it, per node: neither is read again. */
  readonly #last: ReadonlyMap<string, number>;
  readonly #first = new Map<string, number>();

  constructor(fromMs: number, lastKept: ReadonlyMap<string, number>) {
    this.fromMs = fromMs;
    this.#toMs = fromMs;
    this.#last = new Map(lastKept);
  }

  /** A reading behind the hole. */
  ends(nodeId: string, value: DataValue, timeMs: number): void {
    this.#toMs = Math.max(this.#toMs, timeMs);
    const source = value.sourceTimestamp?.getTime();
    if (source !== undefined && !this.#first.has(nodeId)) this.#first.set(nodeId, source);
  }

  /** Reads what the server remembers of it; its failure is an event and no more. */
  async fill(items: readonly MonitoredTag[], deps: BackfillDeps): Promise<void> {
    const { session, limits, intake, server, emit } = deps;
    let readings = 0;
    const take = ({ tag }: MonitoredTag, value: DataValue): void => {
      const source = value.sourceTimestamp?.getTime();
      if (source === undefined || source <= (this.#last.get(tag.nodeId) ?? Number.NEGATIVE_INFINITY)) return;
      if (source >= (this.#first.get(tag.nodeId) ?? Number.POSITIVE_INFINITY)) return;
      readings += 1;
      intake.keep(tag, value, true);
    };
    try {
      const from = this.fromMs - MARGIN_MS;
      const tags = await readHistory(session, items, from, this.#toMs + 1, limits, take);
      if (tags > 0) emit({ type: 'backfilled', server, readings, tags });
    } catch (error) {
      emit({
        type: 'backfill-failed',
        server,
        error: error instanceof Error ? error : new Error(String(error)),
      });
    }
  }
}
