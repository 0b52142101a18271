import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { StackError } from './errors.ts';

/** The stack's own folder, with the poms and checksums. */
export const STACK_FOLDER = dirname(dirname(fileURLToPath(import.meta.url)));
export const PROJECT_FOLDER = dirname(STACK_FOLDER);

/** Where downloads are kept: `MILLRACE_CACHE`, else `.millrace/cache` of the project. */
export function cacheFolder(): string {
  return process.env.MILLRACE_CACHE || join(PROJECT_FOLDER, '.millrace', 'cache');
}

/**
 * The cached folder `name`, filled by `fill` when it is missing. Filled aside and renamed into place, so that a
 * killed or concurrent run never leaves half a folder; `fingerprint` names what it was made from. `fill` gets the
 * folder to write to and the one that it will become.
 */
export async function cached(
  name: string,
  fingerprint: string,
  fill: (folder: string, target: string) => Promise<void>,
): Promise<string> {
  const target = join(cacheFolder(), `${name}-${sha256(fingerprint).slice(0, 12)}`);
  const complete = join(target, '.complete');
  if (existsSync(complete)) return target;
  await mkdir(cacheFolder(), { recursive: true });
  const aside = join(cacheFolder(), `.filling-${name}-${process.pid}-${randomBytes(4).toString('hex')}`);
  await mkdir(aside);
  try {
    await fill(aside, target);
    await writeFile(join(aside, '.complete'), `${fingerprint.length}\n`);
    await rename(aside, target).catch((error: unknown) => {
      // Somebody else was quicker; theirs is as good.
      if (!existsSync(complete)) throw error;
    });
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  return target;
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/**
 * Compares the files of a folder with a committed list in the form of `sha256sum`.
 * @throws StackError MR-STACK-CHECKSUM on a missing, additional or different file
 */
export async function verifyChecksums(folder: string, listFile: string): Promise<void> {
  const expected = new Map<string, string>();
  for (const line of (await readFile(listFile, 'utf8')).split('\n')) {
    const match = /^([0-9a-f]{64}) [ *](.+)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) expected.set(match[2], match[1]);
  }
  const remedy = `Nothing of it is used. If the change is meant, review and commit ${listFile}`;
  for (const file of await readdir(folder)) {
    const digest = expected.get(file);
    if (digest === undefined) {
      throw new StackError(
        'MR-STACK-CHECKSUM',
        `${file} was downloaded but is not in the committed list`,
        remedy,
      );
    }
    if (digest !== (await sha256OfFile(join(folder, file)))) {
      throw new StackError('MR-STACK-CHECKSUM', `${file} differs from its committed checksum`, remedy);
    }
    expected.delete(file);
  }
  for (const file of expected.keys()) {
    throw new StackError('MR-STACK-CHECKSUM', `${file} was not downloaded`, remedy);
  }
}
