import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('what `npm run gen` generates is what is committed', () => {
  const script = join(import.meta.dirname, '../../scripts/gen.ts');
  // Exits 1 and names the files that differ.
  expect(() =>
    execFileSync(process.execPath, ['--conditions=source', script, '--check'], { stdio: 'pipe' }),
  ).not.toThrow();
});
