import { spawn } from 'node:child_process';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { tempDir, waitFor } from '@millrace/testkit';
import { expect, test } from 'vitest';
import {
  changedVersion,
  isAlive,
  isRuledOut,
  makeHistorianExports,
  oracleOf,
  readState,
} from '../../stack/src/index.ts';

const root = join(import.meta.dirname, '..', '..');
const SEED = 3;

interface LoadDocument {
  readonly source: string;
  readonly state: string;
  readonly rows: number;
  readonly rejectedAtSource: number;
  readonly published: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly filtered: number;
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
    expect(load.published, load.source).toBe(load.accepted + load.duplicates + load.filtered + load.rejected);
    expect(load.emitted.clean ?? 0, load.source).toBe(
      (inserted ?? 0) + (updated ?? 0) + (unchanged ?? 0) + (superseded ?? 0) + (rejected ?? 0),
    );
  }
  const sum = (of: (load: LoadDocument) => number): number =>
    document.loads.reduce((total, load) => total + of(load), 0);
  expect(sum(({ rows }) => rows)).toBe(oracle.rows + again.rows);
  const ruledOutAgain = again.bad.filter(isRuledOut).length;
  expect(sum(({ rejected }) => rejected)).toBe(oracle.ruledOut + ruledOutAgain);
  expect(sum(({ rejectedAtSource }) => rejectedAtSource)).toBe(
    oracle.bad - oracle.ruledOut + again.bad.length - ruledOutAgain,
  );
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

test('npm run example -- historian: the sample ends as expected; a killed service comes back; a dropped file is told of', async () => {
  await using dir = await tempDir();
  const script = join(root, 'scripts', 'example.ts');
  const child = spawn(process.execPath, [script, 'historian', '--state', dir.path], { cwd: root });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
  }
  const saying = (what: string): Promise<unknown> =>
    waitFor(() => child.exitCode !== null || said.includes(what), { what, deadlineMs: 180_000 });
  try {
    await saying('Ctrl-C');
    expect(said).toContain('Every load balances');
    const pid = Number(/transformer \(pid (\d+)\)/.exec(said)?.[1]);
    process.kill(pid, 'SIGKILL');
    await saying(`transformer (pid ${pid}) ended with SIGKILL; started again`);
    const folder = join(dir.path, 'stack', 'sftp', 'files', 'exports');
    const rows = [
      'TagName;Timestamp;Value',
      'OWN;2026-03-01 00:00:00.000;1',
      'OWN;2026-03-01 00:00:01.000;5e9',
    ];
    await writeFile(join(folder, '.own'), `${rows.join('\n')}\n`);
    await rename(join(folder, '.own'), join(folder, 'own.csv'));
    await saying('/exports/own.csv: balancedWithRejects: 2 rows, 1 inserted, 1 rejected');
    expect(said).toContain('/exports/own.csv: balancedWithRejects: 2 rows, 1 inserted, 1 rejected');
  } finally {
    child.kill('SIGTERM');
  }
  expect(await ended, said).toBe(0);
}, 300_000);

test('what it does not know is answered with the usage', async () => {
  const { code, out, err } = await run(['--nonsense']);
  expect([code, out]).toEqual([2, '']);
  expect(err).toContain('usage: npm run demo');
});
