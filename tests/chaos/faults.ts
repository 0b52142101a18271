import { setTimeout as delay } from 'node:timers/promises';
import type { Service } from '@millrace/testkit';
import type { Plant, ServiceName } from '../pipeline/plant.ts';

/** Mulberry32: small, seeded, good enough to pick moments. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Not a wait for something to be done: the moment of a fault, drawn from the seed. */
export function randomMoment(random: () => number, withinMs: number): Promise<void> {
  return delay(random() * withinMs);
}

export interface SuperviseOptions {
  readonly envOfStart?: () => Record<string, string | undefined>;
  readonly onExit?: (signal: NodeJS.Signals | null, env: Record<string, string | undefined>) => void;
}

/** Starts the service again whenever it ends by SIGKILL, as an orchestrator would. Returns the present process. */
export function supervise(plant: Plant, service: ServiceName, options: SuperviseOptions): () => Service {
  let current: Service;
  const start = (): void => {
    const env = options.envOfStart?.() ?? {};
    current = plant.start(service, env);
    void current.exited.then(({ signal }) => {
      options.onExit?.(signal, env);
      if (signal === 'SIGKILL' && !plant.disposed) start();
    });
  };
  start();
  return () => current;
}

/** Breaks something, keeps it broken for `ms`, mends it. */
export async function outage(
  ms: number,
  begin: () => Promise<unknown>,
  end: () => Promise<unknown>,
): Promise<void> {
  await begin();
  await delay(ms);
  await end();
}
