import { createReadStream } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileVersion } from './domain/state.ts';
import type { RemoteFiles } from './ports.ts';

const CHUNK_BYTES = 256 * 1024;

/** The file's bytes, straight from the server. */
export function streamed(files: RemoteFiles, file: FileVersion, signal: AbortSignal): AsyncIterable<Buffer> {
  return files.read(file.path, file.size, signal);
}

/**
 * The file's bytes from a copy in `folder`, used for nothing else, that is complete before the first byte is given: for servers that
 * rewrite files in place. `verify` runs in between and throws when the file changed meanwhile.
 */
export async function* spooled(
  files: RemoteFiles,
  file: FileVersion,
  folder: string,
  verify: () => Promise<void>,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  // What a killed process has left. A predecessor that still lives keeps its open file, and is fenced.
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  try {
    const copy = join(folder, 'content');
    const target = await open(copy, 'w', 0o600);
    try {
      for await (const chunk of files.read(file.path, file.size, signal)) await target.appendFile(chunk);
    } finally {
      await target.close();
    }
    await verify();
    for await (const chunk of createReadStream(copy, { highWaterMark: CHUNK_BYTES, signal })) yield chunk;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
