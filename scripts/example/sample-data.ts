import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { LoadAccount } from '@millrace/contracts';
import { FILE_PARTS } from '../../stack/src/index.ts';
import { type Check, type ExamplePlan, equal } from './plan.ts';
import { FILE_SERVICES } from './services.ts';
import type { Target } from './target.ts';

/** `examples/<name>/expected.json`: what its sample data must come to. */
interface Expected {
  readonly rows: number;
  readonly rejected: number;
  readonly duplicates: number;
  readonly targets: Readonly<Record<string, number>>;
}

/** An example with its own sample data: `data/` is what the server serves. */
export async function sampleData(root: string, name: string): Promise<ExamplePlan> {
  const folder = join(root, 'examples', name);
  const data = join(folder, 'data');
  if (!existsSync(data))
    throw new RangeError(`there is no example "${name}"; there are: ${await examplesIn(root)}`);
  const files = await filesUnder(data);
  const expected = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as Expected;
  return {
    name,
    folder: `example-${name}`,
    pipelines: folder,
    parts: FILE_PARTS,
    services: FILE_SERVICES,
    expectedLoads: files.length,
    expectedRows: expected.rows,
    async begin({ root: served }) {
      for (const file of files) await put(join(data, file), join(served, file));
    },
    turn: () => Promise.resolve(),
    judge: ({ loads }, target) => judge(loads, target, expected),
  };
}

async function examplesIn(root: string): Promise<string> {
  const names = await readdir(join(root, 'examples'));
  return names.filter((name) => existsSync(join(root, 'examples', name, 'pipeline.yaml'))).join(', ');
}

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true });
  const files: string[] = [];
  for (const entry of entries.sort()) if ((await stat(join(folder, entry))).isFile()) files.push(entry);
  return files;
}

/** In place at once, as a careful sender does it. */
async function put(from: string, to: string): Promise<void> {
  const aside = join(dirname(to), `.${basename(to)}.part`);
  await mkdir(dirname(to), { recursive: true });
  await cp(from, aside);
  await rename(aside, to);
}

async function judge(loads: readonly LoadAccount[], target: Target, expected: Expected): Promise<Check[]> {
  const sum = (of: (load: LoadAccount) => number): number =>
    loads.reduce((total, load) => total + of(load), 0);
  const checks = [
    equal(
      'rows read',
      sum(({ rows }) => rows.n),
      expected.rows,
    ),
    equal(
      'rows rejected',
      sum(({ openRejects }) => openRejects),
      expected.rejected,
    ),
    equal(
      'duplicates dropped',
      sum(({ duplicates }) => duplicates.n),
      expected.duplicates,
    ),
  ];
  for (const [table, rows] of Object.entries(expected.targets)) {
    checks.push(equal(`rows in ${table}`, await target.count(table), rows));
  }
  return checks;
}
