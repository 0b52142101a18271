import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { ServiceName } from './services.ts';

/**
 * Builds what the examples run, where it is stale: `tsc -b` looks itself. Says so only when it takes a while.
 * @throws Error with the compiler's output
 */
export async function build(
  root: string,
  services: readonly ServiceName[],
  progress: (line: string) => void,
): Promise<void> {
  const projects = ['cli', ...services.map((name) => `services/${name}`)];
  const script = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const slow = setTimeout(() => progress('build: compiling'), 2_000);
  const child = spawn(process.execPath, [script, '-b', ...projects], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(slow);
  if (code !== 0) throw new Error(`the build failed:\n${text}`);
}
