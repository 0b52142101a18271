// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of pipeline files are what is tested
import { expect, test } from 'vitest';
import { parsePipeline } from './parse-pipeline.ts';

const BASE = `pipeline: p
source:
  sftp: { host: h, user: u, password: \${PW}, hostKey: SHA256:${'a'.repeat(43)} }
  files: [{ match: /a/*.csv }]
record:
  key: [a]
  fields: { a: { type: string }, b: { type: string } }
transform:
  dedupe: { key: [a, b], window: 1d }
sinks:
  s:
    postgres: { url: "\${URL}" }
    table: T
    merge: { key: [a], version: [] }
`;

function hashes(edit: (text: string) => string, variables = { PW: 'x', URL: 'postgres://h/x' }) {
  const text = edit(BASE);
  if (edit !== same) expect(text).not.toBe(BASE);
  const { pipeline, problems } = parsePipeline(text, 'p.yaml', variables);
  if (!pipeline) throw new Error(JSON.stringify(problems));
  return { hash: pipeline.hash, layout: pipeline.layoutHash, sink: pipeline.sinks[0]?.layoutHash };
}

const same = (text: string): string => text;
const base = hashes(same);

test('comments, layout, order of keys and secrets mean nothing', () => {
  expect(hashes((text) => `# hello\n${text.replace('table: T', '"table":   T')}`)).toEqual(base);
  expect(hashes((text) => text.replace('host: h, user: u', 'user: u, host: h'))).toEqual(base);
  expect(hashes((text) => text.replace('${PW}', 'literal'))).toEqual(base);
  expect(hashes(same, { PW: 'y', URL: 'postgres://other/x' })).toEqual(base);
});

test('what it does means something, but not every edit changes the layout', () => {
  const rule = hashes((text) =>
    text.replace('transform:', 'transform:\n  rules: [{ filter: f, when: a == b }]'),
  );
  expect(rule.hash).not.toBe(base.hash);
  expect(rule.layout).toBe(base.layout);
});

test('the order of fields means something', () => {
  const swapped = hashes((text) =>
    text.replace(/\{ a: .* \}\n/, '{ b: { type: string }, a: { type: string } }\n'),
  );
  expect(swapped.hash).not.toBe(base.hash);
});

test.each([
  ['partitions', (text: string) => `partitions: 9\n${text}`],
  [
    'record key',
    (text: string) =>
      text.replace('key: [a]\n  fields', 'key: [a, b]\n  fields').replace('key: [a], v', 'key: [a, b], v'),
  ],
  ['dedupe', (text: string) => text.replace(/ {2}dedupe.*\n/, '  rules: []\n')],
  ['outputs', (text: string) => text.replace('sinks:', '  outputs: { tidy: {} }\nsinks:')],
])('a change of %s changes the layout', (_what, edit) => {
  expect(hashes(edit).layout).not.toBe(base.layout);
});

test('another sink leaves the layout and the first sink alone', () => {
  const more = hashes((text) => `${text}  t: { postgres: { url: "\${URL}" }, table: U, append: true }\n`);
  expect(more).toMatchObject({ layout: base.layout, sink: base.sink });
  expect(hashes((text) => text.replace('table: T', 'table: U')).sink).not.toBe(base.sink);
});
