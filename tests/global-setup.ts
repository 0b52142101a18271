// One real stack for all test files of a run: Kafka (one broker), registry, PostgreSQL, SFTP simulator.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { FILE_PARTS, ownerAlive, readState, reap, startStack } from '../stack/src/index.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** What `npm run stack -- env` prints, for the stack of this test run. */
    stack: Readonly<Record<string, string>>;
  }
}

const STACKS = join(import.meta.dirname, '..', '.millrace', 'stack');

/** Ends and removes what killed test runs have left. */
async function clearLeftovers(): Promise<void> {
  mkdirSync(STACKS, { recursive: true });
  for (const name of readdirSync(STACKS, { withFileTypes: true })) {
    if (!name.isDirectory() || !name.name.startsWith('test-')) continue;
    const dir = join(STACKS, name.name);
    const state = readState(dir);
    if (state === undefined || ownerAlive(state)) continue;
    await reap(state);
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Shared {
  users: number;
  readonly stack: ReturnType<typeof start>;
}

function start() {
  const progress = (line: string) => process.stderr.write(`${line}\n`);
  return startStack({
    dir: join(STACKS, `test-${process.pid}`),
    parts: FILE_PARTS,
    keepData: false,
    progress,
  });
}

// Each project loads this file anew, in the same process.
const globals = globalThis as { millraceTestStack?: Shared };

/** @see https://vitest.dev/config/globalsetup */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  globals.millraceTestStack ??= { users: 0, stack: clearLeftovers().then(start) };
  const shared = globals.millraceTestStack;
  shared.users += 1;
  const stack = await shared.stack;
  project.provide('stack', stack.env);
  return async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    delete globals.millraceTestStack;
    await stack.stop();
  };
}
