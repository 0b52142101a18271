import { writeFile } from 'node:fs/promises';

/** Writes `KEY='value'` lines for `set -a; . <file>`. Readable by its owner only: it has the generated passwords. */
export async function writeEnvFile(file: string, env: Readonly<Record<string, string>>): Promise<void> {
  const lines = Object.entries(env).map(([name, value]) => `${name}='${value.replaceAll("'", "'\\''")}'\n`);
  await writeFile(file, lines.join(''), { mode: 0o600 });
}
