import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { lint } from './lint.ts';

const GOOD = `pipeline: one
source:
  sftp: { host: h, user: u, password: "\${PW}", hostKey: SHA256:${'a'.repeat(43)} }
  files: [{ match: /a/*.csv }]
record: { key: [a], fields: { a: { type: string } } }
sinks: { s: { postgres: { url: postgres://localhost/x }, table: T, append: true } }
`;

function io(json = false) {
  const lines: string[] = [];
  const documents: unknown[] = [];
  return {
    json,
    lines,
    documents,
    line: (text = '') => void lines.push(text),
    document: (value: unknown) => void documents.push(value),
  };
}

test('a folder without a mistake: 0, and said so', async () => {
  await using folder = await tempDir('lint');
  writeFileSync(join(folder.path, 'one.yaml'), GOOD);
  const out = io();
  expect(lint([], { PW: 'x', MILLRACE_PIPELINES: folder.path }, out)).toBe(0);
  expect(out.lines).toEqual(['1 file, 0 errors, 0 warnings']);
});

test('an error: 2, with the line and a caret', async () => {
  await using folder = await tempDir('lint');
  const file = join(folder.path, 'one.yaml');
  writeFileSync(file, GOOD.replace('table: T', 'tabel: T'));
  const out = io();
  expect(lint([file], { PW: 'x' }, out)).toBe(2);
  expect(out.lines[0]).toMatch(
    /^.*one\.yaml:6:\d+ {2}error MR-CONFIG-UNKNOWN-KEY .*\n.*tabel.*\n.*\^\n.*'table'/,
  );
});

test('a warning changes nothing; JSON is one document', async () => {
  await using folder = await tempDir('lint');
  const file = join(folder.path, 'one.yaml');
  writeFileSync(file, GOOD.replace('"${' + 'PW}"', 'literal'));
  const out = io(true);
  expect(lint([file, folder.path], {}, out)).toBe(0);
  expect(out.lines).toEqual([]);
  expect(out.documents).toMatchObject([{ files: [file], errors: 0, warnings: 1 }]);
});

test('a variable that is not set is a warning: CI has no secrets', async () => {
  await using folder = await tempDir('lint');
  const file = join(folder.path, 'one.yaml');
  writeFileSync(file, GOOD);
  const out = io();
  expect(lint([file], {}, out)).toBe(0);
  expect(out.lines[0]).toMatch(/warning MR-CONFIG-UNSET-VARIABLE {2}The variable PW is not set/);
  expect(out.lines.at(-1)).toBe('1 file, 0 errors, 1 warning');
});

test('nothing to check is an error: a wrong path must not look like a clean one', async () => {
  await using folder = await tempDir('lint');
  expect(lint([folder.path], {}, io())).toBe(2);
  expect(lint([join(folder.path, 'none.yaml')], {}, io())).toBe(2);
});
