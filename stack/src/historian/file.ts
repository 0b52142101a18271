import { pick, seededRandom } from './random.ts';

/** Why a row cannot be taken. The last two are well formed: only the rules of the historian example reject them. */
export type BadKind = SpoiltKind | RuledOutKind;
type SpoiltKind = 'unparsableValue' | 'missingColumn' | 'emptyTagName' | 'impossibleTimestamp';
type RuledOutKind = 'tagNameTooLong' | 'valueOutOfRange';

const RULED_OUT_KINDS: readonly BadKind[] = ['tagNameTooLong', 'valueOutOfRange'] satisfies RuledOutKind[];

export const BAD_KINDS: readonly BadKind[] = [
  'unparsableValue',
  'missingColumn',
  'emptyTagName',
  'impossibleTimestamp',
  ...RULED_OUT_KINDS,
];

/** Whether the row is read and published, and rejected by a rule only. */
export function isRuledOut({ kind }: Pick<BadRow, 'kind'>): boolean {
  return RULED_OUT_KINDS.includes(kind);
}

const TAG_NAME_LENGTH_MAX = 128;
/** What a historian writes when it has lost a device. */
const LOST_DEVICE = 9_999_999_999;

export interface BadRow {
  /** Line in the file, the header is 1. */
  readonly line: number;
  readonly kind: BadKind;
  readonly text: string;
}

export interface GoodRow {
  readonly line: number;
  readonly tag: string;
  /** Source time, milliseconds since the epoch, UTC. */
  readonly time: number;
  readonly value: number;
}

/** How a file is written. Header `TagName`, `Timestamp`, `Value`. */
export interface CsvDialect {
  readonly delimiter: string;
  readonly decimal: '.' | ',';
  readonly encoding: 'utf8' | 'windows-1252';
  readonly newline: '\n' | '\r\n';
  /** `yyyy-MM-dd HH:mm:ss.SSS` in UTC, or `dd.MM.yyyy HH:mm:ss.SSS` in the local time of Berlin. */
  readonly times: 'utc' | 'berlin';
  /** Whether the last line ends with a newline. */
  readonly finalNewline: boolean;
}

export const PLAIN: CsvDialect = {
  delimiter: ';',
  decimal: '.',
  encoding: 'utf8',
  newline: '\n',
  times: 'utc',
  finalNewline: true,
};

/** One export file and all that is true of it. */
export interface HistorianFile {
  /** Relative to the folder, with `/`. */
  readonly path: string;
  readonly dialect: CsvDialect;
  /** Data rows, bad ones included, the header not. */
  readonly rows: number;
  readonly good: readonly GoodRow[];
  readonly bad: readonly BadRow[];
  /** Good rows whose (tag, time) stands earlier in the same file. */
  readonly duplicates: number;
  /** Modification time that it is written with, milliseconds since the epoch, whole seconds. */
  readonly mtime: number;
  readonly content: Buffer;
}

export interface FileSpec {
  readonly path: string;
  readonly seed: number;
  readonly rows: number;
  readonly tags: readonly string[];
  /** Source time of the first row. */
  readonly start: number;
  readonly mtime: number;
  readonly dialect?: Partial<CsvDialect>;
  /** Share of bad rows and of duplicates within the file, 0 to 1. */
  readonly badShare?: number;
  readonly duplicateShare?: number;
  /** Rows of other files that this one repeats with another value, spread over it. */
  readonly repeats?: readonly GoodRow[];
  /** Without a header the file has no bytes at all. */
  readonly header?: boolean;
}

const STEP_MS = 1_000;

const BERLIN = new Intl.DateTimeFormat('sv-SE', {
  timeZone: 'Europe/Berlin',
  dateStyle: 'short',
  timeStyle: 'medium',
});

function timeText(time: number, { times }: CsvDialect): string {
  const utc = new Date(time).toISOString().replace('T', ' ').replace('Z', '');
  if (times === 'utc') return utc;
  // Sweden writes `2026-01-05 20:00:00`.
  const [date = '', clock = ''] = BERLIN.format(time).split(' ');
  return `${date.split('-').reverse().join('.')} ${clock}${utc.slice(-4)}`;
}

function impossibleTimeText(time: number, dialect: CsvDialect): string {
  const year = new Date(time).getUTCFullYear();
  return `${dialect.times === 'utc' ? `${year}-02-30` : `30.02.${year}`} 25:61:00.000`;
}

function numberText(value: number, dialect: CsvDialect): string {
  const text = value.toFixed(3);
  return dialect.decimal === ',' ? text.replace('.', ',') : text;
}

function field(text: string, dialect: CsvDialect): string {
  return text.includes(dialect.delimiter) || text.includes('"') ? `"${text.replaceAll('"', '""')}"` : text;
}

function goodText(row: Omit<GoodRow, 'line'>, dialect: CsvDialect): string {
  return [field(row.tag, dialect), timeText(row.time, dialect), numberText(row.value, dialect)].join(
    dialect.delimiter,
  );
}

/** The row as it would be, spoilt in one way. */
function badText(kind: BadKind, row: Omit<GoodRow, 'line'>, dialect: CsvDialect): string {
  const time = timeText(row.time, dialect);
  const tag = field(row.tag, dialect);
  const value = numberText(row.value, dialect);
  switch (kind) {
    case 'unparsableValue':
      return [tag, time, 'Bad Input'].join(dialect.delimiter);
    case 'missingColumn':
      return [tag, time].join(dialect.delimiter);
    case 'emptyTagName':
      return ['', time, value].join(dialect.delimiter);
    case 'impossibleTimestamp':
      return [tag, impossibleTimeText(row.time, dialect), value].join(dialect.delimiter);
    case 'tagNameTooLong':
      return [field(row.tag.padEnd(TAG_NAME_LENGTH_MAX + 1, 'X'), dialect), time, value].join(
        dialect.delimiter,
      );
    case 'valueOutOfRange':
      return [tag, time, numberText(LOST_DEVICE, dialect)].join(dialect.delimiter);
  }
}

export function keyOf(row: { readonly tag: string; readonly time: number }): string {
  return `${row.tag}\u0000${row.time}`;
}

/** Three decimals, so that text and number are the same in both directions. */
function someValue(random: () => number): number {
  return pick(random, 1_000_000) / 1_000;
}

interface Lines {
  readonly texts: string[];
  readonly good: GoodRow[];
  readonly bad: BadRow[];
}

function makeLines(spec: FileSpec, dialect: CsvDialect): Lines {
  const random = seededRandom(spec.seed);
  const { badShare = 0.002, duplicateShare = 0.005, repeats = [] } = spec;
  const repeatEvery =
    repeats.length === 0 ? Number.POSITIVE_INFINITY : Math.floor(spec.rows / (repeats.length + 1));
  const lines: Lines = { texts: [], good: [], bad: [] };
  let repeated = 0;
  for (let index = 0; index < spec.rows; index++) {
    const line = index + 2;
    const tag = spec.tags[index % spec.tags.length] ?? 'tag';
    const fresh = {
      tag,
      time: spec.start + Math.floor(index / spec.tags.length) * STEP_MS,
      value: someValue(random),
    };
    const chance = random();
    if (chance < badShare) {
      // Each file begins with another kind, so that a few short files have all of them.
      const kind = BAD_KINDS[(spec.seed + lines.bad.length) % BAD_KINDS.length] ?? 'missingColumn';
      const text = badText(kind, fresh, dialect);
      lines.bad.push({ line, kind, text });
      lines.texts.push(text);
      continue;
    }
    const again = index % repeatEvery === repeatEvery - 1 ? repeats[repeated] : undefined;
    const within =
      chance < badShare + duplicateShare ? lines.good[pick(random, lines.good.length)] : undefined;
    if (again !== undefined) repeated += 1;
    const model = again ?? within ?? fresh;
    // A repetition has another value: it shows in the target which of them won.
    const row = { tag: model.tag, time: model.time, value: fresh.value };
    lines.good.push({ line, ...row });
    lines.texts.push(goodText(row, dialect));
  }
  return lines;
}

/** Makes a file, the same for the same spec. */
export function makeFile(spec: FileSpec): HistorianFile {
  const dialect = { ...PLAIN, ...spec.dialect };
  const { texts, good, bad } = makeLines(spec, dialect);
  const { delimiter, newline } = dialect;
  const header = spec.header === false ? [] : [['TagName', 'Timestamp', 'Value'].join(delimiter)];
  const all = [...header, ...texts];
  const text = all.length === 0 ? '' : all.join(newline) + (dialect.finalNewline ? newline : '');
  return {
    path: spec.path,
    dialect,
    rows: spec.rows,
    good,
    bad,
    duplicates: good.length - new Set(good.map(keyOf)).size,
    mtime: spec.mtime,
    // Of the characters used here, Latin 1 and Windows-1252 have the same bytes.
    content: Buffer.from(text, dialect.encoding === 'utf8' ? 'utf8' : 'latin1'),
  };
}
