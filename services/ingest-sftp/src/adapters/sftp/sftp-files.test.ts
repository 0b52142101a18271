import type { Attributes, FileEntryWithStats } from 'ssh2';
import { expect, test } from 'vitest';
import { entryOf } from './sftp-files.ts';

function entry(mode: number | undefined, longname: string): FileEntryWithStats {
  // What servers leave out is undefined, whatever the types say.
  const attrs = { mode, size: 1, mtime: 2 } as unknown as Attributes;
  return { filename: 'a', longname, attrs } as FileEntryWithStats;
}

test.each([
  [0o100644, '', 'file'],
  [0o040755, '', 'folder'],
  [0o120777, '', 'other'],
  [0o644, '-rw-r--r-- 1 u g 1 Jan 1 00:00 a', 'file'],
  [0o755, 'drwxr-xr-x 1 u g 1 Jan 1 00:00 a', 'folder'],
  [0o777, 'lrwxrwxrwx 1 u g 1 Jan 1 00:00 a -> b', 'other'],
  [undefined, 'a', 'file'],
  [undefined, 'drwx------ 1 u g 1 Jan 1 00:00 a', 'folder'],
])('mode %s with the line %j is a %s', (mode, longname, kind) => {
  expect(entryOf(entry(mode, longname)).kind).toBe(kind);
});
