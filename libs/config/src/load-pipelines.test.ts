import { expect, test } from 'vitest';
import { loadPipelineFiles, loadPipelines } from './load-pipelines.ts';
import { formatProblem } from './problem.ts';

const file = (name: string): string => `pipeline: ${name}
source:
  sftp: { host: h, user: u, password: "\${PW}", hostKey: SHA256:${'a'.repeat(43)} }
  files: [{ match: /a/*.csv }]
record: { key: [a], fields: { a: { type: string } } }
sinks: { s: { postgres: { url: "\${URL}" }, table: T, append: true } }
`;
const FILES: Readonly<Record<string, string>> = {
  'a.yaml': file('one'),
  'b.yaml': file('two').replace('host: h', 'hots: h'),
  'c.yaml': file('one'),
};
const VARIABLES = { PW: 'x', URL: 'postgres://h/x' };
const load = (files: readonly string[]) =>
  loadPipelineFiles(files, VARIABLES, (path) => {
    const text = FILES[path];
    if (text === undefined) throw new Error('ENOENT');
    return text;
  });

test('a broken file leaves the others', () => {
  const { pipelines, problems } = load(['a.yaml', 'b.yaml', 'missing.yaml']);
  expect(pipelines.map((pipeline) => pipeline.name)).toEqual(['one']);
  expect(problems.map(({ file: name, code }) => `${name} ${code}`)).toEqual([
    'b.yaml MR-CONFIG-UNKNOWN-KEY',
    'missing.yaml MR-CONFIG-FILE',
  ]);
});

test('two pipelines of one name: the second is refused', () => {
  const { pipelines, problems } = load(['a.yaml', 'c.yaml']);
  expect(pipelines.map((pipeline) => pipeline.file)).toEqual(['a.yaml']);
  expect(problems).toMatchObject(
    [{ code: 'MR-CONFIG-DUPLICATE-PIPELINE', file: 'c.yaml', line: 1, column: 11, message: /a\.yaml/ }].map(
      ({ message, ...rest }) => ({ ...rest, message: expect.stringMatching(message) }),
    ),
  );
});

test('a folder that is not there is said so', () => {
  expect(() => loadPipelines('/nowhere/at/all', {})).toThrow(
    expect.objectContaining({ kind: 'config', code: 'MR-CONFIG-FOLDER' }),
  );
});

test('a problem is shown with its line and a caret', () => {
  const problem = {
    file: 'f.yaml',
    line: 2,
    column: 4,
    severity: 'error',
    code: 'MR-CONFIG-X',
    message: 'Wrong.',
    remedy: 'Right.',
  } as const;
  expect(formatProblem(problem, 'a: 1\n\tb: c\n')).toBe(
    ['f.yaml:2:4  error MR-CONFIG-X  Wrong.', '  2 | \tb: c', '    | \t  ^', '    Right.'].join('\n'),
  );
});
