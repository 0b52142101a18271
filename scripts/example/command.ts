import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './build.ts';
import type { ExamplePlan } from './plan.ts';
import { SERVICES } from './services.ts';

/** What the command line said. */
export interface Wish {
  readonly once: boolean;
  readonly json: boolean;
  readonly seed: number;
  /** Folder for stack, logs and environment; null for the example's own. */
  readonly state: string | null;
  readonly names: readonly string[];
}

const root = join(import.meta.dirname, '..', '..');

function wishOf(usage: string, namesWanted: number): Wish | null {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        once: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        seed: { type: 'string', default: '1' },
        state: { type: 'string' },
      },
    });
    const seed = Number(values.seed);
    if (positionals.length === namesWanted && Number.isInteger(seed) && seed >= 0) {
      const state = values.state === undefined ? null : resolve(values.state);
      return { once: values.once, json: values.json, seed, state, names: positionals };
    }
  } catch {
    // An option that there is not: the usage says which there are.
  }
  process.stderr.write(`${usage}\n`);
  return null;
}

/**
 * A whole command: reads its arguments, builds what is stale, plays the example, sets the exit code.
 * @param planOf loaded after the build, since it may import what was built
 */
export async function exampleCommand(
  usage: string,
  namesWanted: number,
  planOf: (root: string, wish: Wish) => Promise<ExamplePlan>,
): Promise<void> {
  const wish = wishOf(usage, namesWanted);
  if (wish === null) {
    process.exitCode = 2;
    return;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  try {
    await build(root, SERVICES, (line) => process.stderr.write(`${line}\n`));
    const { runExample } = await import('./run.ts');
    const plan = await planOf(root, wish);
    const { once, json, state } = wish;
    const dir = state ?? join(root, '.millrace', plan.folder);
    process.exitCode = await runExample(plan, { root, dir, once, json, signal: stop.signal });
  } catch (error) {
    const remedy = error instanceof Error && 'remedy' in error ? error.remedy : undefined;
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${message}${typeof remedy === 'string' ? `\n  ${remedy}` : ''}\n`);
    process.exitCode = 1;
  }
}
