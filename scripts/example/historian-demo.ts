import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadAccount } from '@millrace/contracts';
import {
  changedVersion,
  deliver,
  FILE_PARTS,
  type GrowingFile,
  type HistorianFile,
  type HistorianOracle,
  isRuledOut,
  makeHistorianExports,
  oracleOf,
  startGrowing,
} from '../../stack/src/index.ts';
import { type Check, check, type ExamplePlan, equal, isBalanced, type Seen } from './plan.ts';
import { FILE_SERVICES } from './services.ts';
import type { Target } from './target.ts';

const FOLDER = 'exports';
const FILES = 20;
const ROWS = 100_000;
/** Which files play a part beside being read: others than the generator's special ones. */
const GROWING = 6;
const AGAIN_UNCHANGED = 8;
const AGAIN_CHANGED = 9;
/** So many that it is still growing when the scanner has long been looking. */
const GROWING_PARTS = 400;
const WRONG_VALUES_SHOWN_MAX = 3;

/**
 * What a plant would deliver on a bad day: 20 files with bad rows, duplicates, an empty file, umlauts, Windows-1252;
 * one file grows while it is looked at, one comes again unchanged, and one comes again changed.
 */
export function historianDemo(root: string, seed: number): ExamplePlan {
  const files = makeHistorianExports({ seed, files: FILES, rows: ROWS });
  const fileAt = (index: number): HistorianFile => {
    const file = files[index];
    if (file === undefined) throw new RangeError(`there is no file ${index}`);
    return file;
  };
  const unchanged = fileAt(AGAIN_UNCHANGED);
  const changed = changedVersion(fileAt(AGAIN_CHANGED), { seed });
  const delivered = [...files, unchanged, changed];
  const late = new Set<HistorianFile>();
  let growing: GrowingFile | undefined;

  /** Delivers a file again, once its first version has been read to its end and archived. */
  const again = async ({ loads, root: served }: Seen, file: HistorianFile): Promise<void> => {
    const folder = join(served, FOLDER);
    if (late.has(file) || !isDone(loads, `/${FOLDER}/${file.path}`) || existsSync(join(folder, file.path)))
      return;
    late.add(file);
    await deliver(folder, file);
  };

  return {
    name: 'historian',
    folder: 'demo',
    pipelines: join(root, 'examples', 'historian'),
    parts: FILE_PARTS,
    services: FILE_SERVICES,
    expectedLoads: delivered.length,
    expectedRows: delivered.reduce((sum, file) => sum + file.rows, 0),
    async begin({ root: served }) {
      const folder = join(served, FOLDER);
      const standing = files.filter((_, index) => index !== GROWING);
      for (const file of standing) await deliver(folder, file);
      growing = await startGrowing(folder, fileAt(GROWING), GROWING_PARTS);
    },
    async turn(seen) {
      // The first load proves that the folder has been listed while the file was growing.
      if (seen.loads.length === 0) await growing?.grow();
      else if (growing?.complete === false) await growing.finish();
      await again(seen, unchanged);
      await again(seen, changed);
    },
    judge: (seen, target) =>
      judge(seen.loads, target, delivered, oracleOf(files), oracleOf([...files, changed])),
  };
}

function isDone(loads: readonly LoadAccount[], path: string): boolean {
  return loads.some((load) => load.path === path && load.version === 1 && isBalanced(load));
}

async function judge(
  loads: readonly LoadAccount[],
  target: Target,
  delivered: readonly HistorianFile[],
  first: HistorianOracle,
  all: HistorianOracle,
): Promise<Check[]> {
  const sum = (of: (load: LoadAccount) => number): number =>
    loads.reduce((total, load) => total + of(load), 0);
  const expected = (of: (file: HistorianFile) => number): number =>
    delivered.reduce((total, file) => total + of(file), 0);
  return [
    equal(
      'rows read',
      sum((load) => load.rows.n),
      expected((file) => file.rows),
    ),
    equal(
      'rows rejected where they were read',
      sum(({ rejectedAtSource }) => rejectedAtSource.n),
      expected(({ bad }) => bad.filter((row) => !isRuledOut(row)).length),
    ),
    equal(
      'rows rejected by a rule',
      sum(({ rejected }) => rejected.n),
      expected(({ bad }) => bad.filter(isRuledOut).length),
    ),
    equal(
      'dead letters',
      sum(({ openRejects }) => openRejects),
      expected((file) => file.bad.length),
    ),
    equal(
      'duplicates dropped',
      sum(({ duplicates }) => duplicates.n),
      expected((file) => file.good.length) - all.distinct,
    ),
    equal('rows in TagData', await target.count('TagData'), all.distinct),
    await everyValue(target, first, all),
  ];
}

interface TagRow {
  TagName: string;
  ms: string;
  Value: number;
}

/**
 * The first row of a tag and time wins. Files that are read side by side may come in any order, so of each its first
 * is right; what was delivered again later never wins over what was there before.
 */
async function everyValue(target: Target, first: HistorianOracle, all: HistorianOracle): Promise<Check> {
  const wrong: string[] = [];
  let seen = 0;
  const sql =
    'SELECT "TagName", (extract(epoch FROM "Timestamp") * 1000)::bigint AS ms, "Value" FROM "TagData"';
  for await (const { TagName, ms, Value } of target.rows<TagRow>(sql)) {
    seen += 1;
    const time = Number(ms);
    const early = first.candidates(TagName, time);
    const right = early.length > 0 ? early : all.candidates(TagName, time);
    if (!right.includes(Value)) wrong.push(`${TagName} at ${new Date(time).toISOString()}: ${Value}`);
  }
  const found = `${wrong.length} of ${seen} differ: ${wrong.slice(0, WRONG_VALUES_SHOWN_MAX).join('; ')}`;
  return check('each value is the first of its tag and time', wrong.length === 0, found);
}
