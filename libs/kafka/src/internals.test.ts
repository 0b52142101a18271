import { expect, test } from 'vitest';
import { installedKafkajsVersion, KAFKAJS_VERSION } from './internals.ts';

test('the internals are those of the version that they were written for', () => {
  expect(installedKafkajsVersion).toBe(KAFKAJS_VERSION);
});
