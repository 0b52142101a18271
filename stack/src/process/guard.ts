// Runs one server as its child and ends it when the process that asked for it is gone, SIGKILL included: the IPC
// channel to that process closes then. Usage: guard.ts <stop signal> <command> [arguments].
// Says { pid } once started and { exit: { code, signal } } when the server has ended.
import { spawn } from 'node:child_process';

const GRACE_MS = 3_000;

const [stopSignal = 'SIGTERM', command = '', ...args] = process.argv.slice(2);
const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });

function say(message: object): void {
  if (process.connected) process.send?.(message, () => undefined);
}

function end(): void {
  child.kill(stopSignal as NodeJS.Signals);
  // A paused server does not see a signal; a stuck one ignores it.
  child.kill('SIGCONT');
  setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
}

child.once('spawn', () => say({ pid: child.pid }));
child.once('error', (error) => {
  say({ exit: { code: 127, signal: null, error: error.message } });
  process.exitCode = 127;
  process.disconnect?.();
});
child.once('exit', (code, signal) => {
  say({ exit: { code, signal } });
  process.exit(code ?? 1);
});
process.once('disconnect', end);
process.once('SIGTERM', end);
// A terminal sends these to the whole group: the owner decides what they mean.
process.on('SIGINT', () => undefined);
process.on('SIGHUP', () => undefined);
