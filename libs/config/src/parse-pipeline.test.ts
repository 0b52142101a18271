// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of pipeline files are what is tested
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GOOD, HOST_KEY, parse, VARIABLES } from '../test/mistakes.ts';
import type { Pipeline } from './model.ts';
import { parsePipeline } from './parse-pipeline.ts';

function filesOf(pipeline: Pipeline | null) {
  return pipeline?.source.kind === 'files' ? pipeline.source : null;
}

test('a good file compiles, with defaults, without a word', () => {
  const { pipeline, problems } = parse(GOOD);
  expect(problems).toEqual([]);
  expect(pipeline).toMatchObject({
    name: 'historian',
    generation: 1,
    partitions: 8,
    retentionMs: 14 * 86_400_000,
    source: {
      name: 'historian',
      sftp: { host: 'plant', port: 2222, connections: 4, hostKeys: [HOST_KEY] },
      pollMs: 2_000,
      files: [
        { folder: '/exports/dach', csv: { encoding: 'windows-1252', quote: '"', nulls: [''] } },
        { folder: '/exports', csv: { maxRowBytes: 65_536, timestamp: 'iso', zone: 'UTC' } },
      ],
    },
    record: { fields: [{ from: 'TagName' }, { name: 'time', from: 'time' }, {}, { optional: true }] },
    sinks: [{ schema: 'public', table: 'TagData', output: 'clean', write: { mode: 'merge', version: [] } }],
  });
  expect(pipeline?.transform.outputs.map((output) => output.fields.map((field) => field.name))).toEqual([
    ['tag', 'time', 'value'],
  ]);
});

test('a password of digits keeps its zeros, and does not print', () => {
  const auth = filesOf(parse(GOOD).pipeline)?.sftp.auth;
  expect(auth?.kind === 'password' && auth.password.reveal()).toBe('0012');
  expect(JSON.stringify(auth)).not.toContain('0012');
});

test('an expression knows where it starts', () => {
  expect(parse(GOOD).pipeline?.transform.rules[0]?.when.at).toEqual({ file: 'p.yaml', line: 22, column: 13 });
});

test('without outputs there is one, clean, with all fields and the key of the record', () => {
  const text = GOOD.replace(/ {2}outputs:\n.*\n/, '');
  const { pipeline, problems } = parse(text);
  expect(problems).toEqual([]);
  expect(pipeline?.transform.outputs).toMatchObject([{ name: 'clean', when: null, key: ['tag'] }]);
  expect(pipeline?.transform.outputs[0]?.fields.map((field) => field.name)).toEqual([
    'tag',
    'time',
    'value',
    'note',
    'hour',
  ]);
});

test('without any variable each of them is named once, and nothing else is', () => {
  const { problems } = parse(GOOD, {});
  expect(problems.map(({ code, message }) => `${code} ${message}`)).toEqual(
    ['SFTP_HOST', 'SFTP_PORT', 'SFTP_PASSWORD', 'DATABASE_URL'].map(
      (name) => `MR-CONFIG-UNSET-VARIABLE The variable ${name} is not set.`,
    ),
  );
});

test('a variable may come from the file that NAME_FILE names, or have a default', () => {
  const text = GOOD.replace('${SFTP_PORT}', '${SFTP_PORT:-22}');
  const variables = {
    ...VARIABLES,
    SFTP_PORT: undefined,
    SFTP_PASSWORD: undefined,
    SFTP_PASSWORD_FILE: '/run/p',
  };
  const { pipeline, problems } = parsePipeline(text, 'p.yaml', variables, () => 'from the file\n');
  expect(problems).toEqual([]);
  const auth = filesOf(pipeline)?.sftp.auth;
  expect(auth?.kind === 'password' && auth.password.reveal()).toBe('from the file');
  expect(filesOf(pipeline)?.sftp.port).toBe(22);
});

test('sslmode=disable to this machine is fine', () => {
  const variables = { ...VARIABLES, DATABASE_URL: 'postgres://u:p@127.0.0.1:5432/x?sslmode=disable' };
  expect(parse(GOOD, variables).problems).toEqual([]);
});

test('texts that are no pipeline at all are told so, never thrown', () => {
  for (const text of [
    '',
    '[]',
    '42',
    '{',
    '\t',
    'a: &a [*a]',
    '? [1]\n: 2',
    '--- 1\n--- 2',
    'x: !!binary a',
  ]) {
    const { pipeline, problems } = parse(text);
    expect(pipeline).toBeNull();
    expect(problems.length).toBeGreaterThan(0);
  }
});

test('an archive that no pattern reaches is fine, below the exports too', () => {
  const deep = GOOD.replace('/exports/*.csv', '/exports/**/*.csv');
  const archivedAt = (folder: string) =>
    parse(deep.replace('archive: /archive', `archive: ${folder}`)).problems;
  expect(archivedAt('/exports/.done')).toEqual([]);
  expect(archivedAt('/exports/done').map((problem) => problem.code)).toEqual(['MR-CONFIG-ARCHIVE-LOOP']);
});

test('whatever is cut out of a file and put into it: a problem with a place, never an exception', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '',
      ': ',
      '- ',
      '{',
      '[]',
      '\n',
      '  ',
      'null',
      '&a ',
      '*a',
      '|\n',
      '"',
      "'",
      '${',
      '1e999',
      '__proto__: 1',
    ),
    fc.string({ maxLength: 5 }),
  );
  fc.assert(
    fc.property(fc.nat(GOOD.length), fc.nat(40), piece, (at, length, inserted) => {
      const { pipeline, problems } = parse(`${GOOD.slice(0, at)}${inserted}${GOOD.slice(at + length)}`);
      expect(pipeline === null).toBe(problems.some((problem) => problem.severity === 'error'));
      for (const problem of problems) {
        expect(problem).toMatchObject({
          line: expect.any(Number),
          code: expect.stringMatching(/^MR-CONFIG-/),
        });
        expect(`${problem.message} ${problem.remedy}`).toMatch(/^[^\uE000-\uE005]+$/);
      }
    }),
    { numRuns: 50 },
  );
}, 30_000);
