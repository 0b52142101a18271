import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { StackError } from '../errors.ts';

const TAIL_CHARS = 4_000;

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly logFile?: string;
  readonly deadlineMs?: number;
}

/**
 * Runs a command to its end and returns its standard output.
 * @throws StackError MR-STACK-COMMAND when it fails or exceeds `deadlineMs` (default five minutes)
 */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      timeout: options.deadlineMs ?? 300_000,
      killSignal: 'SIGKILL',
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    let output = '';
    let tail = '';
    const note = (chunk: Buffer) => {
      tail = (tail + chunk.toString('utf8')).slice(-TAIL_CHARS);
      if (options.logFile !== undefined) appendFileSync(options.logFile, chunk);
    };
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
      note(chunk);
    });
    child.stderr.on('data', note);
    child.once('error', (error) => {
      reject(
        new StackError(
          'MR-STACK-COMMAND',
          `${command} cannot be started`,
          'Install it, or put it on PATH',
          error,
        ),
      );
    });
    child.once('close', (code, signal) => {
      if (code === 0) return resolve(output);
      const why = signal === null ? `exit code ${code}` : signal;
      reject(new StackError('MR-STACK-COMMAND', `${command} failed (${why})`, `It said: ${tail.trim()}`));
    });
  });
}

/** Whether a command runs and exits 0. */
export async function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  return run(command, args, { deadlineMs: 20_000 }).then(
    () => true,
    () => false,
  );
}
