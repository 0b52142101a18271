// node scripts/example/make-sample.ts: the sample data of examples/historian, the same each time.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deliver, makeHistorianExports, oracleOf } from '../../stack/src/index.ts';

const SEED = 11;
const FILES = 6;
const ROWS = 400;
/** One of the exports is without rows, one without bytes: a sample needs neither. */
const isWorthShowing = ({ rows }: { readonly rows: number }): boolean => rows > 0;

const folder = join(import.meta.dirname, '..', '..', 'examples', 'historian');
const files = makeHistorianExports({
  seed: SEED,
  files: FILES,
  rows: ROWS,
  badShare: 0.07,
  duplicateShare: 0.03,
})
  .filter(isWorthShowing)
  .slice(-3);
const oracle = oracleOf(files);

await rm(join(folder, 'data'), { recursive: true, force: true });
for (const file of files) await deliver(join(folder, 'data', 'exports'), file);
const expected = {
  rows: oracle.rows,
  rejected: oracle.bad,
  duplicates: oracle.duplicates,
  targets: { TagData: oracle.distinct },
};
await writeFile(join(folder, 'expected.json'), `${JSON.stringify(expected, null, 2)}\n`);
