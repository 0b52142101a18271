import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tempDir } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { lint } from '../cli/src/lint.ts';

const README = join(import.meta.dirname, '..', 'README.md');
const VARIABLES = {
  SFTP_HOST: 'sftp.example',
  SFTP_USER: 'u',
  SFTP_PASSWORD: 'p',
  SFTP_HOST_KEY: `SHA256:${'a'.repeat(43)}`,
  DATABASE_URL: 'postgres://u@db.example/d',
};

/** What lint says of this text as `pipeline.yaml`. */
async function linted(text: string): Promise<string> {
  await using folder = await tempDir('readme');
  const file = join(folder.path, 'pipeline.yaml');
  await writeFile(file, text);
  const lines: string[] = [];
  const line = (said = ''): void => {
    lines.push(said);
  };
  lint([file], VARIABLES, { json: false, line, document: () => undefined });
  return lines.join('\n').replaceAll(file, 'pipeline.yaml');
}

test('the pipeline of the README is one, and its typo is answered as the README says', async () => {
  const readme = await readFile(README, 'utf8');
  const yaml = /```yaml\n([^`]*)```/.exec(readme)?.[1] ?? '';
  const answer = /\$ npx millrace lint pipeline\.yaml\n([^`]*)\n```/.exec(readme)?.[1];
  expect(await linted(yaml)).toBe('1 file, 0 errors, 0 warnings');
  expect(await linted(yaml.replace('delimiter', 'delimeter'))).toBe(answer);
});
