import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { tempDir } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { changedVersion, isAlive, makeHistorianExports, oracleOf, readState } from '../../stack/src/index.ts';

const root = join(import.meta.dirname, '..', '..');
const SEED = 3;

interface LoadDocument {
  readonly source: string;
  readonly state: string;
  readonly rows: number;
  readonly rejectedAtSource: number;
  readonly published: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly emitted: Readonly<Record<string, number>>;
  readonly sinks: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

interface Document {
  readonly balanced: boolean;
  readonly loads: readonly LoadDocument[];
  readonly targets: Readonly<Record<string, number>>;
}

async function run(args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [join(root, 'scripts', 'demo.ts'), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, out, err };
}

test('npm run demo -- --once --json: 20 files on a bad day end in the table, and every load reconciles', async () => {
  await using dir = await tempDir();
  const { code, out, err } = await run(['--once', '--json', '--seed', String(SEED), '--state', dir.path]);
  expect(code, err).toBe(0);
  const document = JSON.parse(out) as Document;
  const files = makeHistorianExports({ seed: SEED, files: 20, rows: 100_000 });
  const [again, corrected] = [files[8], files[9]];
  if (!again || !corrected) throw new Error('the generator makes fewer files than it was asked for');
  const changed = changedVersion(corrected, { seed: SEED });
  const oracle = oracleOf([...files, changed]);

  expect(document.balanced).toBe(true);
  expect(document.targets).toEqual({ TagData: oracle.distinct });
  expect(document.loads).toHaveLength(22);
  expect(new Set(document.loads.map(({ state }) => state))).toEqual(
    new Set(['balanced', 'balancedWithRejects']),
  );

  // Conservation, file by file and over all: what was read is in the table, a duplicate, or set aside.
  for (const load of document.loads) {
    const { inserted, updated, unchanged, superseded, rejected } = load.sinks.tagdata ?? {};
    expect(load.rows, load.source).toBe(load.published + load.rejectedAtSource);
    expect(load.emitted.clean ?? 0, load.source).toBe(
      (inserted ?? 0) + (updated ?? 0) + (unchanged ?? 0) + (superseded ?? 0) + (rejected ?? 0),
    );
  }
  const sum = (of: (load: LoadDocument) => number): number =>
    document.loads.reduce((total, load) => total + of(load), 0);
  expect(sum(({ rows }) => rows)).toBe(oracle.rows + again.rows);
  expect(sum((load) => load.rejectedAtSource + load.rejected)).toBe(oracle.bad + again.bad.length);
  expect(sum(({ sinks }) => sinks.tagdata?.inserted ?? 0)).toBe(oracle.distinct);

  // Delivered again unchanged: all its rows are duplicates. Again changed: only the new ones count.
  const second = document.loads.filter(({ source }) => source === `/exports/${again.path}`)[1];
  expect(second).toMatchObject({ rows: again.rows, duplicates: again.good.length, emitted: {} });
  const third = document.loads.filter(({ source }) => source === `/exports/${corrected.path}`)[1];
  expect(third).toMatchObject({ rows: changed.rows, emitted: { clean: 100 } });

  // Nothing is left running.
  const state = readState(join(dir.path, 'stack'));
  expect(Object.values(state?.processes ?? {}).filter(isAlive)).toEqual([]);
}, 300_000);

test('what it does not know is answered with the usage', async () => {
  const { code, out, err } = await run(['--nonsense']);
  expect([code, out]).toEqual([2, '']);
  expect(err).toContain('usage: npm run demo');
});
