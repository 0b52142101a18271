// npm run stack -- up|down|env|status [--brokers 1|3] [--state <dir>]
import { fork } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  ALL_PARTS,
  isAlive,
  ownerAlive,
  readState,
  reap,
  StackError,
  type StackState,
  signal,
  startStack,
} from '../stack/src/index.ts';

const USAGE = 'usage: npm run stack -- up|down|env|status [--brokers 1|3] [--state <folder>]';
const DOWN_DEADLINE_MS = 30_000;

/** What the keeper tells the `up` that started it. */
type KeeperMessage = { readonly line: string } | { readonly ready: true } | { readonly failed: string };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    brokers: { type: 'string', default: '1' },
    state: { type: 'string', default: join('.millrace', 'stack', 'default') },
  },
});
const dir = resolve(values.state);

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function brokers(): 1 | 3 {
  if (values.brokers === '1') return 1;
  if (values.brokers === '3') return 3;
  throw new StackError('MR-STACK-USAGE', `--brokers ${values.brokers}`, 'One broker or three');
}

function printEnv(state: StackState | undefined): void {
  if (!ownerAlive(state) || state?.env === undefined) {
    throw new StackError('MR-STACK-DOWN', 'the stack is not up', 'Start it: npm run stack -- up');
  }
  for (const [key, value] of Object.entries(state.env)) console.log(`${key}=${value}`);
}

/** The process that owns a detached stack, until it is told to stop. */
async function keep(): Promise<void> {
  const tell = (message: KeeperMessage) => {
    if (process.connected) process.send?.(message, () => undefined);
  };
  try {
    const stop = new AbortController();
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort());
    const progress = (line: string) => tell({ line });
    const stack = await startStack({ dir, parts: ALL_PARTS, brokers: brokers(), progress });
    tell({ ready: true });
    // Without a handle of its own the process would end here and take the servers along.
    const alive = setInterval(() => undefined, 3_600_000);
    if (!stop.signal.aborted) await new Promise((done) => stop.signal.addEventListener('abort', done));
    clearInterval(alive);
    await stack.stop();
  } catch (error) {
    tell({ failed: error instanceof Error ? error.message : String(error) });
    process.exitCode = 1;
  }
  if (process.connected) process.disconnect();
}

async function up(): Promise<void> {
  if (ownerAlive(readState(dir))) {
    say('stack: already up');
    return printEnv(readState(dir));
  }
  mkdirSync(dir, { recursive: true });
  const log = openSync(join(dir, 'keeper.log'), 'a');
  const args = ['keep', '--state', dir, '--brokers', String(brokers())];
  const keeper = fork(fileURLToPath(import.meta.url), args, {
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  });
  const outcome = await new Promise<string | undefined>((done) => {
    keeper.on('message', (message: KeeperMessage) => {
      if ('line' in message) say(message.line);
      else done('failed' in message ? message.failed : undefined);
    });
    keeper.once('exit', (code) => done(`the keeper ended with ${code}; see ${join(dir, 'keeper.log')}`));
    // Interrupted before it was up: not left half started.
    process.once('SIGINT', () => keeper.kill('SIGTERM'));
    process.once('SIGTERM', () => keeper.kill('SIGTERM'));
  });
  if (outcome !== undefined) throw new StackError('MR-STACK-START', 'the stack did not start', outcome);
  keeper.disconnect();
  keeper.unref();
  printEnv(readState(dir));
}

async function down(): Promise<void> {
  const state = readState(dir);
  if (state?.owner !== undefined && signal(state.owner, 'SIGTERM')) {
    const deadline = performance.now() + DOWN_DEADLINE_MS;
    while (isAlive(state.owner) && performance.now() < deadline) await delay(50);
    if (isAlive(state.owner)) signal(state.owner, 'SIGKILL');
  }
  const left = await reap(readState(dir) ?? { processes: {}, ports: {}, secrets: {}, versions: {} });
  say(left.length === 0 ? 'stack: down' : `stack: down; had to kill ${left.join(', ')}`);
}

function status(): void {
  const state = readState(dir);
  const alive = ownerAlive(state);
  console.log(`stack: ${alive ? (state?.env === undefined ? 'starting' : 'up') : 'down'} (${dir})`);
  for (const [name, identity] of Object.entries(state?.processes ?? {})) {
    if (name.endsWith('(guard)')) continue;
    const version = state?.versions[name.replace(/-\d$/, '')] ?? '';
    console.log(`${name}: ${isAlive(identity) ? 'running' : 'ended'}, pid ${identity.pid}, ${version}`);
  }
  if (!alive) process.exitCode = 1;
}

const actions: Record<string, () => void | Promise<void>> = {
  up,
  down,
  keep,
  status,
  env: () => printEnv(readState(dir)),
};

try {
  const action = actions[positionals[0] ?? ''];
  if (action === undefined) throw new StackError('MR-STACK-USAGE', `no such command`, USAGE);
  await action();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = error instanceof StackError && error.code === 'MR-STACK-USAGE' ? 2 : 1;
}
