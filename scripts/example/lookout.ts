import type { LoadAccount } from '@millrace/contracts';
import { systemClock } from '@millrace/core';
import type { Progress } from './progress.ts';
import { loadLine } from './report.ts';
import type { World } from './world.ts';

const LOOK_EVERY_MS = 1_000;

/**
 * Says what becomes of each file that is dropped into a running example, and of each replay, until it is stopped.
 * @param known loads that have been shown already
 */
export async function keepLooking(
  world: Pick<World, 'loads'>,
  known: readonly LoadAccount[],
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const said = new Map(known.map((load) => [load.loadId, loadLine(load)]));
  let trouble = '';
  while (!signal.aborted) {
    try {
      for (const load of await world.loads(signal)) {
        const line = loadLine(load);
        if (load.state === 'open' || said.get(load.loadId) === line) continue;
        said.set(load.loadId, line);
        progress.line(line);
      }
      trouble = '';
      await systemClock.sleep(LOOK_EVERY_MS, signal);
    } catch (error) {
      if (signal.aborted) return;
      // Everything here may be killed by whoever looks around, Kafka as well.
      const message = error instanceof Error ? error.message : String(error);
      if (message !== trouble) progress.line(`the ledger cannot be read: ${message}`);
      trouble = message;
      await systemClock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
    }
  }
}
