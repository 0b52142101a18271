import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { StackError } from '../errors.ts';
import { identify, type ProcessIdentity } from './identity.ts';

const GUARD = fileURLToPath(new URL('./guard.ts', import.meta.url));
const POLL_MS = 25;

/** How a server process ended. */
export interface ServerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ServerCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Both output streams are appended here. */
  readonly logFile: string;
  /** Ready when the log has this text, or when this resolves to true. Asked again until the deadline. */
  readonly ready: { readonly log: string } | { readonly check: () => Promise<boolean> };
  readonly readyDeadlineMs?: number;
  /** What a polite stop sends. */
  readonly stopSignal?: NodeJS.Signals;
}

/** One running server process. It dies with the process that started it. */
export interface ServerProcess {
  readonly name: string;
  readonly identity: ProcessIdentity;
  readonly guard: ProcessIdentity;
  readonly running: boolean;
  readonly exited: Promise<ServerExit>;
  /** Sends the signal at once; `SIGKILL`, `SIGSTOP` and `SIGCONT` are the ones tests need. */
  kill(signal: NodeJS.Signals): void;
  /** Asks politely, then kills after `graceMs`. Resolves when the process is gone. */
  stop(graceMs?: number): Promise<ServerExit>;
}

interface GuardMessage {
  readonly pid?: number;
  readonly exit?: ServerExit & { readonly error?: string };
}

function lastLines(file: string, count: number): string {
  if (!existsSync(file)) return '';
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
}

function logSince(file: string, offset: number): string {
  return readFileSync(file).subarray(offset).toString('utf8');
}

class Guarded implements ServerProcess {
  readonly name: string;
  readonly identity: ProcessIdentity;
  readonly guard: ProcessIdentity;
  readonly exited: Promise<ServerExit>;
  running = true;
  readonly #stopSignal: NodeJS.Signals;

  constructor(
    command: ServerCommand,
    pid: ProcessIdentity,
    guard: ProcessIdentity,
    exited: Promise<ServerExit>,
  ) {
    this.name = command.name;
    this.#stopSignal = command.stopSignal ?? 'SIGTERM';
    this.identity = { ...pid, stopSignal: this.#stopSignal };
    this.guard = guard;
    this.exited = exited.finally(() => {
      this.running = false;
    });
  }

  kill(signal: NodeJS.Signals): void {
    if (this.running) process.kill(this.identity.pid, signal);
  }

  async stop(graceMs = 10_000): Promise<ServerExit> {
    if (!this.running) return this.exited;
    this.kill('SIGCONT');
    this.kill(this.#stopSignal);
    const timer = new AbortController();
    const late = delay(graceMs, 'late' as const, { signal: timer.signal }).catch(() => 'early' as const);
    if ((await Promise.race([this.exited, late])) === 'late') this.kill('SIGKILL');
    timer.abort();
    return this.exited;
  }
}

function launch(command: ServerCommand): { child: ChildProcess; exited: Promise<ServerExit> } {
  const log = openSync(command.logFile, 'a');
  const stopSignal = command.stopSignal ?? 'SIGTERM';
  const child = spawn(process.execPath, [GUARD, stopSignal, command.command, ...command.args], {
    stdio: ['ignore', log, log, 'ipc'],
    env: { ...process.env, NODE_OPTIONS: '', ...command.env },
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
  });
  closeSync(log);
  const exited = new Promise<ServerExit>((resolve) => {
    let reported: ServerExit | undefined;
    child.on('message', (message: GuardMessage) => {
      if (message.exit !== undefined) reported = message.exit;
    });
    child.once('close', (code, signal) => resolve(reported ?? { code, signal }));
  });
  return { child, exited };
}

/**
 * Starts a server under a guard and waits until it is ready.
 * @throws StackError MR-STACK-START when it ends or is not ready in time, with the last lines of its log
 */
export async function startServer(command: ServerCommand): Promise<ServerProcess> {
  const offset = existsSync(command.logFile) ? statSync(command.logFile).size : 0;
  const { child, exited } = launch(command);
  const server = await new Promise<Guarded | undefined>((resolve) => {
    child.on('message', (message: GuardMessage) => {
      const pid = message.pid === undefined ? undefined : identify(message.pid);
      const guard = child.pid === undefined ? undefined : identify(child.pid);
      if (message.pid === undefined) return;
      resolve(pid && guard ? new Guarded(command, pid, guard, exited) : undefined);
    });
    void exited.then(() => resolve(undefined));
  });
  child.unref();
  child.channel?.unref();
  if (server === undefined) throw await failure(command, 'ended at once');
  try {
    await waitUntilReady(command, server, offset);
    return server;
  } catch (error) {
    await server.stop(0);
    throw error;
  }
}

async function waitUntilReady(command: ServerCommand, server: Guarded, offset: number): Promise<void> {
  const deadline = performance.now() + (command.readyDeadlineMs ?? 60_000);
  const ready = command.ready;
  while (performance.now() < deadline) {
    if (!server.running) throw await failure(command, 'ended before it was ready');
    const done = 'log' in ready ? logSince(command.logFile, offset).includes(ready.log) : await ready.check();
    if (done) return;
    await delay(POLL_MS);
  }
  throw await failure(command, 'was not ready in time');
}

async function failure(command: ServerCommand, what: string): Promise<StackError> {
  const tail = lastLines(command.logFile, 12);
  return new StackError('MR-STACK-START', `${command.name} ${what}`, `Its log: ${command.logFile}\n${tail}`);
}
