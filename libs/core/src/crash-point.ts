/**
 * Named places where chaos tests kill the process: `MILLRACE_CRASH_AT=<name>` or `<name>:<n>` for the n-th pass.
 * Without the variable this costs one comparison.
 */
const [armedName, armedCount] = (process.env.MILLRACE_CRASH_AT ?? '').split(':');
let passesLeft = Number(armedCount ?? 1);

export type CrashPoint =
  | 'spool.after-write'
  | 'spool.after-sync'
  | 'ingest.after-send'
  | 'ingest.before-commit'
  | 'ingest.after-commit'
  | 'ingest.before-archive'
  | 'ingest.after-archive'
  | 'transform.after-send'
  | 'transform.before-commit'
  | 'transform.after-commit'
  | 'sink.after-stage'
  | 'sink.before-commit'
  | 'sink.after-commit'
  | 'sink.after-dead-letters';

/** Ends the process as `kill -9` would, if a test armed this point. */
export function crashPoint(name: CrashPoint): void {
  if (name !== armedName) return;
  passesLeft -= 1;
  if (passesLeft <= 0) process.kill(process.pid, 'SIGKILL');
}
