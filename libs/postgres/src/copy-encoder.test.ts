import { expect, it } from 'vitest';
import { createCopyEncoder } from './copy-encoder.ts';

it('takes a file time that PostgreSQL cannot hold for none, since it would fail the whole COPY', () => {
  const encode = createCopyEncoder([]);
  const bytes = (fileTime: number | null) =>
    Buffer.from(encode([{ ord: 0, loadId: 'a', row: 1, fileTime, value: {} }])).toString('hex');
  expect(bytes(-8.64e15)).toBe(bytes(null));
  // 4713-12-31 BC and the latest that a header can say.
  expect(bytes(-210_866_803_200_000)).not.toBe(bytes(null));
  expect(bytes(8.64e15)).not.toBe(bytes(null));
});
