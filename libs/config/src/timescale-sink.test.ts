// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of pipeline files are what is tested
import { expect, it } from 'vitest';
import { GOOD, VARIABLES } from '../test/mistakes.ts';
import { parsePipeline } from './parse-pipeline.ts';

const SERIES = `    timescale: { url: "\${DATABASE_URL}" }
    time: Time
    chunk: 1h
    retention: { rows: 100000, every: 1h, age: 30d }
    aggregates:
      avg_1m: { every: 1m, over: 1m, by: [Tag], select: { v: avg(Value), n: count(*) }, retention: 90d }
      last_5s: { every: 5s, over: 5s, select: { v: last( Value ) } }
`;
const POSTGRES = '    postgres: { url: "${DATABASE_URL}" }\n';
const TIMESCALE = GOOD.replace(POSTGRES, SERIES);

function parse(text: string) {
  return parsePipeline(text, 'p.yaml', VARIABLES);
}

it('compiles a series with its aggregates', () => {
  const { pipeline, problems } = parse(TIMESCALE);
  expect(problems).toEqual([]);
  expect(pipeline?.sinks[0]?.target).toMatchObject({
    kind: 'timescale',
    series: {
      time: 'Time',
      chunkMs: 3_600_000,
      retention: { rows: 100_000, ageMs: 30 * 86_400_000, everyMs: 3_600_000 },
      aggregates: [
        {
          name: 'avg_1m',
          everyMs: 60_000,
          overMs: 60_000,
          by: ['Tag'],
          select: [
            { name: 'v', fn: 'avg', of: 'Value' },
            { name: 'n', fn: 'count', of: null },
          ],
          retentionMs: 90 * 86_400_000,
        },
        { name: 'last_5s', by: [], select: [{ name: 'v', fn: 'last', of: 'Value' }], retentionMs: null },
      ],
    },
  });
});

it('keeps the url out of the hash, and the order of selected columns in it', () => {
  const hash = (text: string) => parse(text).pipeline?.hash;
  const literal = TIMESCALE.replace('"${DATABASE_URL}"', 'postgres://u@db/x');
  const other = TIMESCALE.replace('"${DATABASE_URL}"', 'postgres://u@elsewhere/x');
  expect(hash(literal)).toBe(hash(other));
  const turned = TIMESCALE.replace('v: avg(Value), n: count(*)', 'n: count(*), v: avg(Value)');
  expect(hash(turned)).not.toBe(hash(TIMESCALE));
});

it.each([
  ['no database', GOOD.replace(POSTGRES, ''), 'MR-CONFIG-MISSING', 'where the sink writes to'],
  ['two databases', GOOD.replace(POSTGRES, POSTGRES + SERIES), 'MR-CONFIG-TARGET', 'one database'],
  [
    'time at a plain sink',
    GOOD.replace(POSTGRES, `${POSTGRES}    time: Time\n`),
    'MR-CONFIG-TARGET',
    "'time'",
  ],
  ['no time', TIMESCALE.replace('    time: Time\n', ''), 'MR-CONFIG-MISSING', 'holds the time'],
  [
    'time is a number',
    TIMESCALE.replace('time: Time', 'time: Value'),
    'MR-CONFIG-TIME-COLUMN',
    'no timestamp',
  ],
  ['time is unknown', TIMESCALE.replace('time: Time', 'time: Tim'), 'MR-CONFIG-UNKNOWN-COLUMN', "'Tim'"],
  [
    'key without time',
    TIMESCALE.replace('key: [Tag, Time], v', 'key: [Tag], v'),
    'MR-CONFIG-MERGE-KEY',
    "'Time'",
  ],
  [
    'no bound',
    TIMESCALE.replace('{ rows: 100000, every: 1h, age: 30d }', '{ every: 1h }'),
    'MR-CONFIG-MISSING',
    'no bound',
  ],
  [
    'a free expression',
    TIMESCALE.replace('avg(Value)', 'avg(Value) * 2'),
    'MR-CONFIG-AGGREGATE',
    'no aggregate',
  ],
  [
    'an unknown function',
    TIMESCALE.replace('avg(Value)', 'median(Value)'),
    'MR-CONFIG-AGGREGATE',
    'no aggregate',
  ],
  ['the sum of a text', TIMESCALE.replace('avg(Value)', 'sum(Tag)'), 'MR-CONFIG-AGGREGATE', 'string'],
  ['avg of everything', TIMESCALE.replace('avg(Value)', 'avg(*)'), 'MR-CONFIG-AGGREGATE', 'no aggregate'],
  [
    'widths that share no border',
    TIMESCALE.replace('every: 5s, over: 5s', 'every: 5s, over: 7s'),
    'MR-CONFIG-AGGREGATE',
    'multiples',
  ],
  ['an unknown column', TIMESCALE.replace('avg(Value)', 'avg(Valu)'), 'MR-CONFIG-UNKNOWN-COLUMN', "'Valu'"],
  ['a column of its own name', TIMESCALE.replace('{ v: avg', '{ bucket: avg'), 'MR-CONFIG-NAME', "'bucket'"],
  ['an unknown group', TIMESCALE.replace('by: [Tag]', 'by: [Tg]'), 'MR-CONFIG-UNKNOWN-COLUMN', "'Tg'"],
  ['a name like the table', TIMESCALE.replace('avg_1m:', 'TagData:'), 'MR-CONFIG-NAME', "'TagData'"],
])('refuses %s', (_what, text, code, words) => {
  expect(text).not.toBe(TIMESCALE);
  const { pipeline, problems } = parse(text);
  expect(pipeline).toBeNull();
  const found = problems.filter((problem) => problem.severity === 'error');
  expect(found.map((problem) => problem.code)).toContain(code);
  expect(found.map((problem) => problem.message).join('\n')).toContain(words);
  expect(found.every((problem) => problem.remedy !== '')).toBe(true);
});
