import { expect, test } from 'vitest';
import { makeHistorianExports } from './exports.ts';
import { BAD_KINDS, type BadKind, type HistorianFile } from './file.ts';
import { oracleOf } from './oracle.ts';
import { changedVersion } from './versions.ts';

const OPTIONS = { seed: 7, files: 20, rows: 10_000 };

interface Read {
  readonly rows: number;
  readonly bad: { line: number; kind: BadKind }[];
  readonly good: { key: string; value: number }[];
}

/** Splits a line of unquoted and quoted fields, with nothing of the generator in it. */
function fields(line: string): string[] {
  const found = `;${line}`.matchAll(/;(?:"((?:[^"]|"")*)"|([^;]*))/g);
  return [...found].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '');
}

/** UTC as ISO writes it nearly; local time as Germany does, which all of these files have in winter. */
function timeOf(text: string): number {
  const local = /^(\d\d)\.(\d\d)\.(\d{4}) (.*)$/.exec(text);
  if (local === null) return Date.parse(`${text.replace(' ', 'T')}Z`);
  const [, day, month, year, clock] = local;
  return Date.parse(`${year}-${month}-${day}T${clock}+01:00`);
}

function read(file: HistorianFile): Read {
  const encoding = file.dialect.encoding === 'utf8' ? 'utf-8' : 'windows-1252';
  const lines = new TextDecoder(encoding, { fatal: true }).decode(file.content).split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  const result: Read = { rows: Math.max(0, lines.length - 1), bad: [], good: [] };
  for (const [index, line] of lines.slice(1).entries()) {
    const [tag, timestamp, value] = fields(line);
    const number = Number(file.dialect.decimal === ',' ? value?.replace(',', '.') : value);
    const time = timeOf(timestamp ?? '');
    const kind: BadKind | undefined =
      value === undefined
        ? 'missingColumn'
        : tag === ''
          ? 'emptyTagName'
          : Number.isNaN(time)
            ? 'impossibleTimestamp'
            : Number.isNaN(number)
              ? 'unparsableValue'
              : Math.abs(number) > 1e9
                ? 'valueOutOfRange'
                : (tag ?? '').length > 128
                  ? 'tagNameTooLong'
                  : undefined;
    if (kind === undefined) result.good.push({ key: `${tag}|${time}`, value: number });
    else result.bad.push({ line: index + 2, kind });
  }
  return result;
}

test('what is written is what the oracle says, read by somebody else', () => {
  const files = makeHistorianExports(OPTIONS);
  const oracle = oracleOf(files);
  const first = new Map<string, number>();
  let good = 0;
  for (const file of files) {
    const found = read(file);
    expect(found.rows, file.path).toBe(file.rows);
    expect(found.bad, file.path).toEqual(file.bad.map(({ line, kind }) => ({ line, kind })));
    good += found.good.length;
    for (const { key, value } of found.good) if (!first.has(key)) first.set(key, value);
  }
  expect(oracle).toMatchObject({
    files: 20,
    rows: 10_000,
    good,
    distinct: first.size,
    duplicates: good - first.size,
  });
  expect(oracle.bad + oracle.good).toBe(oracle.rows);
  const ruledOut = files.flatMap(({ bad }) => bad).filter(({ kind }) => /TooLong|OutOfRange/.test(kind));
  expect(oracle.ruledOut).toBe(ruledOut.length);
  for (const { tag, time, value } of oracle.pairs()) expect(first.get(`${tag}|${time}`)).toBe(value);
});

test('everything that makes a load hard is among them', () => {
  const files = makeHistorianExports(OPTIONS);
  const oracle = oracleOf(files);
  expect(new Set(files.flatMap((file) => file.bad.map((bad) => bad.kind)))).toEqual(new Set(BAD_KINDS));
  expect(oracle.duplicatesWithin).toBeGreaterThan(10);
  expect(oracle.duplicates - oracle.duplicatesWithin).toBeGreaterThan(10);
  expect(files.filter((file) => file.content.length === 0)).toHaveLength(1);
  expect(files.filter((file) => file.rows === 0)).toHaveLength(2);
  expect(files.filter((file) => / .*ü/.test(file.path.normalize('NFC')))).not.toHaveLength(0);
  const dach = files.filter((file) => file.path.startsWith('dach/'));
  expect(dach.map((file) => [file.dialect.encoding, file.dialect.decimal])).toEqual([['windows-1252', ',']]);
  const repeated = [...oracle.pairs()].find(({ tag, time }) => oracle.candidates(tag, time).length > 1);
  expect(repeated).toBeDefined();
});

test('the same seed makes the same bytes, another seed others', () => {
  const bytes = (seed: number) =>
    makeHistorianExports({ ...OPTIONS, seed }).map((file) => file.content.toString('hex'));
  expect(bytes(7)).toEqual(bytes(7));
  expect(bytes(8)[0]).not.toBe(bytes(7)[0]);
});

test('a changed delivery adds its new rows only, the first row winning', () => {
  const files = makeHistorianExports(OPTIONS);
  const [original] = files;
  if (original === undefined) throw new Error('no file');
  const changed = changedVersion(original, { seed: 1, additional: 30 });
  const found = read(changed);
  expect(found.rows).toBe(changed.rows);
  expect(found.good).toHaveLength(changed.good.length);
  expect(changed.mtime).toBe(original.mtime + 1_000);
  expect(oracleOf([...files, changed]).distinct).toBe(oracleOf(files).distinct + 30);
});
