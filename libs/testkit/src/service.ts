import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { waitFor } from './wait-for.ts';

/** Enough to explain a failure, little enough for a test that runs long. */
const KEPT_LINES = 20_000;

/** A line of a service's log: parsed when it is JSON, else under `msg`. */
export type LogLine = Readonly<Record<string, unknown>>;

export interface ServiceExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ServiceOptions {
  /** The script, `.ts` (run from sources) or `.js`. */
  readonly entry: string;
  readonly args?: readonly string[];
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

/** A service under test, as a process of its own. */
export interface Service extends AsyncDisposable {
  readonly pid: number;
  readonly running: boolean;
  /** Standard output and error so far, at most the last 20,000 lines. */
  readonly logs: readonly LogLine[];
  readonly exited: Promise<ServiceExit>;
  kill(signal?: NodeJS.Signals): void;
  /** SIGTERM, then SIGKILL after `graceMs` (default 20 s). */
  stop(graceMs?: number): Promise<ServiceExit>;
  /** The first line that matches, past or future. Fails when the service ends without it. */
  waitForLog(predicate: (line: LogLine) => boolean, what: string, deadlineMs?: number): Promise<LogLine>;
}

const children = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

function parse(line: string): LogLine {
  if (!line.startsWith('{')) return { msg: line };
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { msg: line };
  }
}

class Spawned implements Service {
  readonly pid: number;
  readonly logs: LogLine[] = [];
  readonly exited: Promise<ServiceExit>;
  readonly #child: ChildProcess;
  running = true;

  constructor(child: ChildProcess, entry: string) {
    if (child.pid === undefined) throw new Error(`${entry} cannot be started`);
    this.#child = child;
    this.pid = child.pid;
    children.add(child);
    for (const stream of [child.stdout, child.stderr]) this.#read(stream);
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.running = false;
        children.delete(child);
        resolve({ code, signal });
      });
    });
  }

  #read(stream: Readable | null): void {
    if (stream === null) return;
    createInterface({ input: stream }).on('line', (line) => {
      this.logs.push(parse(line));
      if (this.logs.length > KEPT_LINES) this.logs.shift();
    });
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#child.kill(signal);
  }

  async stop(graceMs = 20_000): Promise<ServiceExit> {
    if (!this.running) return this.exited;
    this.kill('SIGTERM');
    const timer = setTimeout(() => this.kill('SIGKILL'), graceMs);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  async waitForLog(
    predicate: (line: LogLine) => boolean,
    what: string,
    deadlineMs = 60_000,
  ): Promise<LogLine> {
    const found = await waitFor(() => this.logs.find(predicate) ?? (this.running ? undefined : 'ended'), {
      what,
      deadlineMs,
    });
    if (found !== 'ended') return found as LogLine;
    const tail = this.logs.slice(-15).map((line) => JSON.stringify(line));
    throw new Error(`the service ended before ${what}; its last lines:\n${tail.join('\n')}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.running) return;
    this.kill('SIGKILL');
    await this.exited;
  }
}

/** Starts a Node process and captures its log. TypeScript entries see the packages' sources. */
export function spawnService(options: ServiceOptions): Service {
  const flags = options.entry.endsWith('.ts') ? ['--conditions=source'] : [];
  const child = spawn(process.execPath, [...flags, options.entry, ...(options.args ?? [])], {
    // Vitest's own settings do not concern the service.
    env: { ...process.env, NODE_OPTIONS: '', NODE_ENV: 'test', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  return new Spawned(child, options.entry);
}
