import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as rules from './rules.ts';

const root = join(import.meta.dirname, '../..');

function projectFiles(): rules.SourceFile[] {
  const list = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  return (
    list
      .split('\n')
      .filter((path) => /\.ts$|package(-lock)?\.json$|README\.md$/.test(path) && existsSync(join(root, path)))
      // This file quotes what the rules forbid.
      .filter((path) => path !== 'tests/architecture/architecture.test.ts')
      .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
  );
}

const file = (path: string, text = ''): rules.SourceFile => ({ path, text });

/** For each rule a tree that breaks it, and the words that must be in what it says. */
const FIXTURES: readonly (readonly [
  keyof typeof rules & string,
  rules.Rule,
  readonly rules.SourceFile[],
  string,
])[] = [
  [
    'layers',
    rules.layers,
    [file('libs/core/src/a.ts', `import { x } from '@millrace/kafka';`)],
    'must not import',
  ],
  [
    'layers',
    rules.layers,
    [file('services/sql-sink/src/a.ts', `import('@millrace/transformer')`)],
    'must not import',
  ],
  [
    'noDeepImports',
    rules.noDeepImports,
    [file('cli/src/a.ts', `import { x } from '@millrace/core/src/hash.ts';`)],
    'reaches into',
  ],
  [
    'noDeepImports',
    rules.noDeepImports,
    [file('libs/core/src/a.ts', `export { x } from '../../kafka/src/x.ts';`)],
    'leaves its package',
  ],
  [
    'soleImporters',
    rules.soleImporters,
    [file('services/sql-sink/src/a.ts', `import { Kafka } from 'kafkajs';`)],
    'only libs/kafka',
  ],
  [
    'soleImporters',
    rules.soleImporters,
    [file('libs/kafka/src/a.ts', `require('kafkajs/src/cluster')`)],
    'internals.ts',
  ],
  [
    'soleImporters',
    rules.soleImporters,
    [file('services/x/src/pipeline.ts', `import { Injectable } from '@nestjs/common';`)],
    'Nest ends',
  ],
  [
    'soleImporters',
    rules.soleImporters,
    [file('services/x/src/a.ts', `import pg from 'pg';`)],
    'only libs/postgres',
  ],
  ['serviceAnatomy', rules.serviceAnatomy, [file('services/x/src/main.ts')], 'pipeline.ts is missing'],
  ['fileSizes', rules.fileSizes, [file('libs/core/src/a.ts', '\n'.repeat(401))], '401 lines'],
  [
    'noWildcardExports',
    rules.noWildcardExports,
    [file('libs/core/src/index.ts', `export * from './a.ts';`)],
    'wildcard',
  ],
  ['noVagueNames', rules.noVagueNames, [file('libs/core/src/utils.ts')], 'says nothing'],
  [
    'declaredDependencies',
    rules.declaredDependencies,
    [file('cli/package.json', '{"dependencies":{"a":"^1.0.0"}}')],
    'not pinned',
  ],
  [
    'declaredDependencies',
    rules.declaredDependencies,
    [file('cli/package.json', '{}'), file('cli/src/a.ts', `import x from 'left-pad';`)],
    'left-pad is not in',
  ],
  ['honestTests', rules.honestTests, [file('cli/src/a.test.ts', `it.skip('x')`)], 'switches a test off'],
  [
    'honestTests',
    rules.honestTests,
    [file('cli/src/a.test.ts', `await new Promise((r) => setTimeout(r, 5))`)],
    'by the clock',
  ],
  [
    'noDownloadAddresses',
    rules.noDownloadAddresses,
    [file('package-lock.json', `"resolved": "https://x/y.tgz"`)],
    'download addresses',
  ],
];

describe('architecture', () => {
  const files = projectFiles();

  it.each([...new Map(FIXTURES.map(([name, rule]) => [name, rule]))])('%s holds', (_name, rule) => {
    expect(rule(files)).toEqual([]);
  });

  it.each(FIXTURES)('%s would be noticed', (_name, rule, fixture, words) => {
    expect(rule(fixture).join('\n')).toContain(words);
  });

  it('has a fixture for every rule', () => {
    const exported = Object.keys(rules).filter((name) => !['importsOf', 'packageOf'].includes(name));
    expect([...new Set(FIXTURES.map(([name]) => name))].sort()).toEqual(exported.sort());
  });
});
