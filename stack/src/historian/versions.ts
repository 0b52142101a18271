import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type HistorianFile, keyOf, makeFile } from './file.ts';

/**
 * The same file as its sender would deliver it again after a correction, one second younger: all its rows, every
 * tenth good one once more with another value, and `additional` new ones. With the first row winning, only the new
 * ones change the target. Load it after the original: `oracleOf([...files, changed])`.
 */
export function changedVersion(
  file: HistorianFile,
  options: { readonly seed: number; readonly additional?: number },
): HistorianFile {
  const { seed, additional = 100 } = options;
  const last = Math.max(...file.good.map((row) => row.time));
  const start = last + 60_000;
  const tags = [...new Set(file.good.map((row) => row.tag))];
  const corrected = file.good.filter((_, index) => index % 10 === 0);
  const more = makeFile({
    path: file.path,
    seed,
    rows: additional + corrected.length,
    tags,
    start,
    mtime: file.mtime + 1_000,
    dialect: file.dialect,
    badShare: 0,
    duplicateShare: 0,
    repeats: corrected,
  });
  return appended(file, more);
}

/** One file with the rows of both, the second's header left out. */
function appended(first: HistorianFile, second: HistorianFile): HistorianFile {
  const newline = Buffer.from(second.dialect.newline);
  const firstEnd = first.dialect.finalNewline ? Buffer.alloc(0) : newline;
  const body = second.content.subarray(second.content.indexOf(newline) + newline.length);
  const good = [...first.good, ...second.good.map((row) => ({ ...row, line: row.line + first.rows }))];
  const bad = [...first.bad, ...second.bad.map((row) => ({ ...row, line: row.line + first.rows }))];
  return {
    ...first,
    rows: first.rows + second.rows,
    good,
    bad,
    duplicates: good.length - new Set(good.map(keyOf)).size,
    mtime: second.mtime,
    content: Buffer.concat([first.content, firstEnd, body]),
  };
}

/** A file that its sender is still writing. */
export interface GrowingFile {
  /** The file as it will be. */
  readonly file: HistorianFile;
  readonly complete: boolean;
  /** Appends the next part; parts end in the middle of a line. False when there was none left. */
  grow(): Promise<boolean>;
  /** Appends all that is left, and leaves the present as its modification time. */
  finish(): Promise<void>;
}

/** Starts a file with its first part; `parts` in all, at least two. */
export async function startGrowing(folder: string, file: HistorianFile, parts = 5): Promise<GrowingFile> {
  const target = join(folder, file.path);
  await mkdir(dirname(target), { recursive: true });
  const size = Math.ceil(file.content.length / Math.max(2, parts));
  let written = 0;
  const grow = async () => {
    if (written >= file.content.length) return false;
    const handle = await open(target, written === 0 ? 'w' : 'a');
    try {
      await handle.writeFile(file.content.subarray(written, written + size));
    } finally {
      await handle.close();
    }
    written += size;
    return true;
  };
  await grow();
  return {
    file,
    get complete() {
      return written >= file.content.length;
    },
    grow,
    async finish() {
      while (await grow());
    },
  };
}
