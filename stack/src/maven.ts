import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, STACK_FOLDER, verifyChecksums } from './cache.ts';
import { run } from './process/run.ts';

/**
 * Fetches what `stack/<part>/pom.xml` names with Maven, checks it against `stack/<part>/checksums.sha256`, and
 * returns the cached folder. Maven's own repository is a temporary one: nothing outside the cache is written.
 * @param unpack runs on the verified files before the folder counts as complete
 */
export async function fetchWithMaven(
  part: 'kafka' | 'registry',
  goal: 'dependency:copy-dependencies' | 'dependency:copy',
  unpack: (folder: string) => Promise<void> = async () => undefined,
): Promise<string> {
  const pom = join(STACK_FOLDER, part, 'pom.xml');
  const checksums = join(STACK_FOLDER, part, 'checksums.sha256');
  const fingerprint = (await readFile(pom, 'utf8')) + (await readFile(checksums, 'utf8'));
  return cached(part, fingerprint, async (folder) => {
    const libs = join(folder, 'libs');
    const repository = join(folder, 'm2');
    await mkdir(libs);
    // Maven writes its build folder beside the pom unless told otherwise; copying writes nothing but the output.
    await run(
      'mvn',
      ['-q', '-B', '-f', pom, goal, `-DoutputDirectory=${libs}`, `-Dmaven.repo.local=${repository}`],
      {
        cwd: folder,
      },
    );
    await verifyChecksums(libs, checksums);
    await unpack(folder);
    await rm(repository, { recursive: true, force: true });
  });
}
