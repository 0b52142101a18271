import { mkdir, rename, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type CsvDialect, type FileSpec, type GoodRow, type HistorianFile, makeFile } from './file.ts';
import { type HistorianOracle, oracleOf } from './oracle.ts';

export interface HistorianOptions {
  readonly seed: number;
  /** At least 6: the special ones are among them. Default 20. */
  readonly files?: number;
  /** Data rows over all files, bad ones and duplicates included. Default 100,000. */
  readonly rows?: number;
  /** Of the UTF-8 files; the Windows-1252 file always has semicolons. Default `;`. */
  readonly delimiter?: string;
  readonly badShare?: number;
  readonly duplicateShare?: number;
}

export interface HistorianExports {
  readonly folder: string;
  readonly files: readonly HistorianFile[];
  readonly oracle: HistorianOracle;
}

/** Files of the subfolder have another dialect, so that a pipeline can match them by another pattern. */
export const DACH_FOLDER = 'dach';

const FIRST_HOUR = Date.UTC(2026, 0, 5);
const HOUR_MS = 3_600_000;
const TAGS = [
  ...Array.from({ length: 48 }, (_, n) => `PLANT1.LINE${1 + (n % 4)}.TI${100 + n}.PV`),
  'Pump 7; inlet',
  'Halle "Nord" °C',
];
const DACH_TAGS = ['Köln.Ofen1.Temperatur', 'Köln.Kühlwasser.Rücklauf', 'Größe.Füllstand', 'Straße 4.Druck'];
const DACH: Partial<CsvDialect> = {
  delimiter: ';',
  decimal: ',',
  encoding: 'windows-1252',
  newline: '\r\n',
  times: 'berlin',
};

/** Which file is which, by its place. */
function specialOf(
  index: number,
  files: number,
): 'umlauts' | 'headerOnly' | 'zeroBytes' | 'noFinalNewline' | 'dach' | undefined {
  if (index === files - 1) return 'dach';
  return ([undefined, 'umlauts', 'headerOnly', 'zeroBytes', 'noFinalNewline'] as const)[index];
}

function pathOf(index: number, files: number): string {
  const hour = new Date(FIRST_HOUR + index * HOUR_MS).toISOString().slice(0, 13);
  switch (specialOf(index, files)) {
    case 'umlauts':
      return `Übersicht Öfen Süd ${hour}.csv`;
    case 'headerOnly':
      return `historian-${hour}-no-data.csv`;
    case 'zeroBytes':
      return `historian-${hour}-zero-bytes.csv`;
    case 'dach':
      return `${DACH_FOLDER}/Messwerte Köln ${hour}.csv`;
    default:
      return `historian-${hour}.csv`;
  }
}

/** Some good rows of an earlier file, for this one to repeat. */
function sample(file: HistorianFile | undefined, count: number): readonly GoodRow[] {
  if (file === undefined || file.good.length === 0 || count === 0) return [];
  const step = Math.max(1, Math.floor(file.good.length / count));
  return file.good.filter((_, index) => index % step === 0).slice(0, count);
}

/** Makes the files in memory; the same for the same options. */
export function makeHistorianExports(options: HistorianOptions): readonly HistorianFile[] {
  const { seed, files: count = 20, rows = 100_000, delimiter = ';', badShare, duplicateShare } = options;
  if (count < 6) throw new RangeError('historian exports are at least 6 files');
  const withRows = count - 2;
  const files: HistorianFile[] = [];
  let full = 0;
  let previous: HistorianFile | undefined;
  for (let index = 0; index < count; index++) {
    const special = specialOf(index, count);
    const empty = special === 'headerOnly' || special === 'zeroBytes';
    // Shares that add up exactly: each file gets what is due by now, less what the others had.
    const due = empty ? 0 : Math.floor((rows * (full + 1)) / withRows) - Math.floor((rows * full) / withRows);
    if (!empty) full += 1;
    const spec: FileSpec = {
      path: pathOf(index, count),
      seed: seed * 1_000 + index,
      rows: due,
      tags: special === 'dach' ? DACH_TAGS : TAGS,
      start: FIRST_HOUR + index * HOUR_MS,
      mtime: FIRST_HOUR + (index + 1) * HOUR_MS,
      dialect: special === 'dach' ? DACH : { delimiter, finalNewline: special !== 'noFinalNewline' },
      repeats: special === 'dach' ? [] : sample(previous, Math.floor(due / 200)),
      header: special !== 'zeroBytes',
      ...(badShare === undefined ? {} : { badShare }),
      ...(duplicateShare === undefined ? {} : { duplicateShare }),
    };
    const file = makeFile(spec);
    if (!empty && special !== 'dach') previous = file;
    files.push(file);
  }
  return files;
}

/**
 * Puts a file in place at once: written under a hidden name, dated, renamed.
 * @param mtime milliseconds since the epoch; default the file's own
 */
export async function deliver(
  folder: string,
  file: HistorianFile,
  mtime: number = file.mtime,
): Promise<void> {
  const target = join(folder, file.path);
  const aside = join(dirname(target), `.${basename(target)}.part`);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(aside, file.content);
  await utimes(aside, mtime / 1_000, mtime / 1_000);
  await rename(aside, target);
}

/** Writes a folder of historian exports and says what is in it. */
export async function writeHistorianExports(
  folder: string,
  options: HistorianOptions,
): Promise<HistorianExports> {
  const files = makeHistorianExports(options);
  for (const file of files) await deliver(folder, file);
  return { folder, files, oracle: oracleOf(files) };
}
