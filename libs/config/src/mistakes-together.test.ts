// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of pipeline files are what is tested
import { describe, expect, test } from 'vitest';
import { GOOD, parse, testMistakes, VARIABLES } from '../test/mistakes.ts';
import { parsePipeline } from './parse-pipeline.ts';

describe('mistakes that would lose or double rows', () => {
  testMistakes(
    {
      'a dedupe key that is computed anew behind the partitioning': {
        edit: ['    hour: {', '    tag: { type: string, cel: "tag.trim()" }\n    hour: {'],
        code: 'MR-CONFIG-DEDUPE-KEY',
        at: 'tag: { type: string, cel',
        says: /'tag' .*dedupe/,
        remedy: /another name/,
      },
      'a pipeline whose topics would meet those that all pipelines share': {
        edit: ['pipeline: historian', 'pipeline: millrace'],
        code: 'MR-CONFIG-NAME',
        at: 'millrace',
        says: /share/,
        remedy: /another name/,
      },
      'a version that may be null': {
        edit: ['version: []', 'version: [Note]'],
        code: 'MR-CONFIG-MERGE-VERSION-OPTIONAL',
        at: 'Note]',
        says: /'Note' can be null/,
        remedy: /optional/,
        severity: 'warning',
      },
    },
    GOOD.replace('fields: [tag, time, value], when', 'fields: [tag, time, value, note], when').replace(
      '      ImportDate:',
      '      Note: note\n      ImportDate:',
    ),
  );
});

function codes(text: string): readonly string[] {
  return parse(text).problems.map(({ code }) => code);
}

describe('mistakes of both kinds are told in one run', () => {
  const edits = {
    shape: { source: ['poll: 2s', 'pol: 2s'], sinks: ['table: TagData', 'tabel: TagData'] },
    top: ['retention: 14d', 'retention: soon'],
  } as const;

  test('a key that does not exist in the source, and an expression in the transform', () => {
    const text = GOOD.replace(...edits.shape.source).replace('value > 1.0e9', 'valeu > 1.0e9');
    expect(codes(text)).toEqual(['MR-CONFIG-UNKNOWN-KEY', 'MR-CONFIG-UNKNOWN-FIELD']);
  });

  test('a value out of bounds at the top, and one in each part', () => {
    const text = GOOD.replace(...edits.top)
      .replace('key: [tag, time], window', 'key: [time], window')
      .replace('merge: { key: [Tag, Time]', 'merge: { key: [Tag, Tmie]');
    expect(codes(text)).toEqual(['MR-CONFIG-DURATION', 'MR-CONFIG-DEDUPE-KEY', 'MR-CONFIG-UNKNOWN-COLUMN']);
  });

  test('what depends on a broken part is not judged', () => {
    // Fields are unknown when the record is broken, outputs when the transform is.
    expect(codes(GOOD.replace('type: float64', 'type: flaot64'))).toEqual(['MR-CONFIG-VALUE']);
    expect(codes(GOOD.replace('  outputs:', '  ouputs:'))).toEqual(['MR-CONFIG-UNKNOWN-KEY']);
    expect(codes(GOOD.replace('transform:', 'tranform:'))).toEqual(['MR-CONFIG-UNKNOWN-KEY']);
    // An output is not unused when its sink is what is broken.
    expect(codes(GOOD.replace(...edits.shape.sinks))).toEqual(['MR-CONFIG-UNKNOWN-KEY']);
    expect(codes(GOOD.replace('sinks:', 'sink:'))).toEqual(['MR-CONFIG-UNKNOWN-KEY']);
  });
});

describe('variables that are not set', () => {
  const UNSET = { ...VARIABLES, DATABASE_URL: undefined, SFTP_PORT: undefined };

  test('stop a service', () => {
    const { pipeline, problems } = parse(GOOD, UNSET);
    expect(pipeline).toBeNull();
    expect(problems.map(({ severity }) => severity)).toEqual(['error', 'error']);
  });

  test('are warnings where only the text is checked, and hide no mistake', () => {
    const read = (): never => {
      throw new Error('no such file');
    };
    const lint = (text: string) => parsePipeline(text, 'p.yaml', UNSET, read, { unsetVariables: 'warning' });
    expect(lint(GOOD).problems).toMatchObject([
      { severity: 'warning', code: 'MR-CONFIG-UNSET-VARIABLE' },
      { severity: 'warning', code: 'MR-CONFIG-UNSET-VARIABLE' },
    ]);
    expect(lint(GOOD).pipeline).toBeNull();
    expect(lint(GOOD.replace('tag == "x"', 'tga == "x"')).problems[0]).toMatchObject({
      severity: 'error',
      code: 'MR-CONFIG-UNKNOWN-FIELD',
    });
  });
});

test('aliases of aliases are bounded: a kilobyte must not stand for a billion values', () => {
  const ten = (name: string): string => `[${Array.from({ length: 10 }, () => `*${name}`).join(', ')}]`;
  const levels = Array.from({ length: 12 }, (_, i) => `k${i + 1}: &a${i + 1} ${ten(`a${i}`)}`);
  const { problems } = parse(`k0: &a0 [1]\n${levels.join('\n')}\n`);
  expect(problems).toMatchObject([{ code: 'MR-CONFIG-SYNTAX', message: expect.stringContaining('alias') }]);
});
