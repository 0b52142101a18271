import { MillraceError } from '@millrace/core';
import { expect, it } from 'vitest';
import { serverOf } from './server.ts';

it.each([
  [null, 'plain'],
  [{ version: '2.19.3', schema: 'public', license: 'apache' }, 'apache'],
  [{ version: '2.13.0', schema: 'public', license: 'apache' }, 'apache'],
  [{ version: '2.18.1', schema: 'ts', license: 'timescale' }, 'community'],
  [{ version: '2.18.1-dev', schema: 'ts', license: 'timescale' }, 'community'],
  [{ version: '3.0', schema: 'ts', license: 'timescale' }, 'community'],
])('%j is a server of kind %s', (extension, kind) => {
  expect(serverOf(extension)).toMatchObject({ kind, extensionSchema: extension?.schema ?? '' });
});

it.each([
  ['2.18.0', 'timescale', 'compressed'],
  ['2.9.3', 'timescale', 'compressed'],
  ['2.12.2', 'apache', 'functions'],
  ['1.7.5', 'apache', 'functions'],
])('%s under the license %s is refused, with what to do', (version, license, words) => {
  const refused = (() => {
    try {
      return serverOf({ version, schema: 'public', license });
    } catch (error) {
      return error;
    }
  })();
  expect(refused).toBeInstanceOf(MillraceError);
  expect(refused).toMatchObject({ kind: 'systemic', code: 'MR-TS-VERSION' });
  expect((refused as MillraceError).message).toContain(words);
  expect((refused as MillraceError).remedy).toContain('ALTER EXTENSION');
});
