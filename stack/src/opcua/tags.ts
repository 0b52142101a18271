/** The namespace of the simulated plant. Its index changes from restart to restart; this does not. */
export const PLANT_NAMESPACE_URI = 'urn:millrace:simulator:plant';

/** A tag that users configure and that the server does not have, until `addTags` makes it. */
export const MISSING_TAG = 'Plant/Area-1/Line-1/Unit-1/Missing-0001';

export type TagType =
  | 'Boolean'
  | 'Int16'
  | 'Int32'
  | 'UInt32'
  | 'Int64'
  | 'UInt64'
  | 'Float'
  | 'Double'
  | 'String'
  | 'DateTime'
  | 'ByteString';

export type Quality = 'good' | 'uncertain' | 'bad';

/** `sequence`: the value is the number of the reading, from 1 without gaps, so that none can be lost unseen. */
export type Wave = 'sequence' | 'sine' | 'step' | 'static';

export interface TagPlan {
  /** Also the identifier of its node: `ns=<plant>;s=<id>`. */
  readonly id: string;
  readonly wave: Wave;
  readonly type: TagType;
  /** Elements of an array; 0 for a scalar. */
  readonly length: number;
  readonly unit?: string;
  /** The quality of every nth reading, the others are good. */
  readonly quality?: { readonly every: number; readonly is: Quality };
}

/** A tag's value as the server's library takes it: 64-bit integers as [high, low] words. */
export type TagValue = number | boolean | string | Date | Buffer | [number, number] | TagValue[];

type Pattern = Omit<TagPlan, 'id'>;
const sequence = (type: TagType): Pattern => ({ wave: 'sequence', type, length: 0 });

const PATTERNS: readonly Pattern[] = [
  sequence('Double'),
  sequence('Int32'),
  { wave: 'sine', type: 'Double', length: 0, unit: '°C' },
  sequence('Int64'),
  { wave: 'step', type: 'Boolean', length: 0 },
  sequence('UInt64'),
  { wave: 'sine', type: 'Float', length: 0, unit: 'bar' },
  { ...sequence('Double'), quality: { every: 3, is: 'uncertain' } },
  { wave: 'step', type: 'String', length: 0 },
  sequence('UInt32'),
  { wave: 'static', type: 'ByteString', length: 0 },
  sequence('Double'),
  { wave: 'sine', type: 'Double', length: 4 },
  { ...sequence('Double'), quality: { every: 5, is: 'bad' } },
  { wave: 'step', type: 'Int16', length: 0 },
  sequence('Float'),
  { wave: 'step', type: 'DateTime', length: 0 },
  { wave: 'step', type: 'Int32', length: 3 },
  { wave: 'static', type: 'Double', length: 0, quality: { every: 1, is: 'bad' } },
  sequence('Double'),
];

/** What `static` patterns turn into, round by round: the ends of the 64-bit types among them. */
const STATICS: readonly Pattern[] = [
  { wave: 'static', type: 'ByteString', length: 0 },
  { wave: 'static', type: 'Int64', length: 0 },
  { wave: 'static', type: 'UInt64', length: 0 },
  { wave: 'static', type: 'String', length: 2 },
];

const TAGS_PER_UNIT = 10;
const UNITS_PER_LINE = 5;
const LINES_PER_AREA = 4;

function folderOf(index: number): string {
  const unit = Math.floor(index / TAGS_PER_UNIT);
  const line = Math.floor(unit / UNITS_PER_LINE);
  const area = Math.floor(line / LINES_PER_AREA);
  return `Plant/Area-${area + 1}/Line-${(line % LINES_PER_AREA) + 1}/Unit-${(unit % UNITS_PER_LINE) + 1}`;
}

/** `count` tags in nested folders: half of them sequences, the others of every wave, type and quality. */
export function planTags(count: number): TagPlan[] {
  return Array.from({ length: count }, (_, index) => {
    let pattern = PATTERNS[index % PATTERNS.length] ?? sequence('Double');
    if (pattern.wave === 'static' && pattern.quality === undefined)
      pattern = STATICS[Math.floor(index / PATTERNS.length) % STATICS.length] ?? pattern;
    const name = `${pattern.wave}-${pattern.type}-${String(index + 1).padStart(5, '0')}`;
    return { ...pattern, id: `${folderOf(index)}/${name}` };
  });
}

/** What `addTags` makes of an id. */
export function addedTag(id: string): TagPlan {
  return { ...sequence('Double'), id };
}

export function qualityOf(plan: TagPlan, reading: number): Quality {
  return plan.quality !== undefined && reading % plan.quality.every === 0 ? plan.quality.is : 'good';
}

const WORD = 2 ** 32;
const HOUR_MS = 3_600_000;

function words(value: number): [number, number] {
  return [Math.floor(value / WORD), value % WORD];
}

function sequenceValue(type: TagType, reading: number): TagValue {
  return type === 'Int64' || type === 'UInt64' ? words(reading) : reading;
}

function stepValue(type: TagType, reading: number): TagValue {
  const step = Math.floor(reading / 5);
  if (type === 'Boolean') return step % 2 === 1;
  if (type === 'String') return ['idle', 'läuft', 'fault "7"', ''][step % 4] ?? '';
  if (type === 'DateTime') return new Date(1_700_000_000_000 + step * HOUR_MS);
  return (step % 65_536) - 32_768;
}

function staticValue(type: TagType): TagValue {
  if (type === 'ByteString') return Buffer.from([0, 255, 10, 13, 0]);
  if (type === 'Int64') return [0x80000000, 0];
  if (type === 'UInt64') return [0xffffffff, 0xffffffff];
  return type === 'String' ? 'static' : 42.5;
}

/** The value of a tag's nth reading (from 1). Always a fresh object where it is one. */
export function tagValue(plan: TagPlan, reading: number): TagValue {
  const one = (element: number): TagValue => {
    if (plan.wave === 'sequence') return sequenceValue(plan.type, reading);
    if (plan.wave === 'sine') return 50 + 50 * Math.sin((reading + 7 * element) / 20);
    return plan.wave === 'step' ? stepValue(plan.type, reading + element) : staticValue(plan.type);
  };
  return plan.length === 0 ? one(0) : Array.from({ length: plan.length }, (_, element) => one(element));
}
