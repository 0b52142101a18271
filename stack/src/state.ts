import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive, type ProcessIdentity, signal } from './process/identity.ts';
import { freePort } from './process/ports.ts';
import type { ServerProcess } from './process/server.ts';

/** What `state.json` holds. Readable by its owner only: it has the generated credentials. */
export interface StackState {
  /** The process that owns the servers; they end when it ends. */
  owner?: ProcessIdentity;
  /** Server processes and their guards, by name. */
  processes: Record<string, ProcessIdentity>;
  /** Ports by name, kept so that a second start has the same addresses where they are still free. */
  ports: Record<string, number>;
  secrets: Record<string, string>;
  versions: Record<string, string>;
  /** Present while the stack is up. */
  env?: Record<string, string>;
}

const EMPTY: StackState = { processes: {}, ports: {}, secrets: {}, versions: {} };
const REAP_GRACE_MS = 3_000;
const REAP_DEADLINE_MS = 10_000;

/** Reads the state of a stack folder; undefined when there is none or it is not readable as one. */
export function readState(dir: string): StackState | undefined {
  const file = join(dir, 'state.json');
  if (!existsSync(file)) return undefined;
  try {
    return { ...EMPTY, ...(JSON.parse(readFileSync(file, 'utf8')) as Partial<StackState>) };
  } catch {
    // A torn file of a crashed machine: nothing can be reaped by it, the stack starts anew.
    return undefined;
  }
}

/** Whether the owner of this stack folder still runs. */
export function ownerAlive(state: StackState | undefined): boolean {
  return state?.owner !== undefined && isAlive(state.owner);
}

async function untilGone(processes: readonly ProcessIdentity[], deadlineMs: number): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (processes.some(isAlive) && performance.now() < deadline) await delay(25);
}

/**
 * Ends what a killed owner left running, each by pid and start time, first politely: a killed database leaves
 * children of its own for a while.
 * @returns the names of what was ended
 */
export async function reap(state: StackState): Promise<string[]> {
  const left = Object.entries(state.processes).filter(([, identity]) => isAlive(identity));
  const processes = left.map(([, identity]) => identity);
  for (const identity of processes) {
    signal(identity, 'SIGCONT');
    signal(identity, identity.stopSignal ?? 'SIGTERM');
  }
  await untilGone(processes, REAP_GRACE_MS);
  for (const identity of processes) signal(identity, 'SIGKILL');
  await untilGone(processes, REAP_DEADLINE_MS);
  return left.map(([name]) => name);
}

/** The state file of one stack, written at each change. */
export class StateFile {
  readonly dir: string;
  readonly #state: StackState;

  constructor(dir: string, previous: StackState | undefined, owner: ProcessIdentity) {
    this.dir = dir;
    mkdirSync(dir, { recursive: true });
    this.#state = structuredClone({ ...EMPTY, ...previous, owner, processes: {} });
    delete this.#state.env;
    this.#write();
  }

  /** Notes a started server, so that it can be reaped should we be killed. */
  track(server: ServerProcess): void {
    this.#state.processes[server.name] = server.identity;
    this.#state.processes[`${server.name} (guard)`] = server.guard;
    this.#write();
    void server.exited.then(() => {
      if (this.#state.processes[server.name]?.pid !== server.identity.pid) return;
      delete this.#state.processes[server.name];
      delete this.#state.processes[`${server.name} (guard)`];
      this.#write();
    });
  }

  /** The port of this name: the previous one where it is still free. */
  async port(name: string): Promise<number> {
    const port = await freePort(this.#state.ports[name]);
    this.#state.ports[name] = port;
    this.#write();
    return port;
  }

  /** The secret of this name, made once per stack folder. */
  secret(name: string, make: () => string = () => randomBytes(24).toString('base64url')): string {
    const known = this.#state.secrets[name];
    if (known !== undefined) return known;
    const made = make();
    this.#state.secrets[name] = made;
    this.#write();
    return made;
  }

  replaceSecret(name: string, value: string): void {
    this.#state.secrets[name] = value;
    this.#write();
  }

  version(name: string, version: string): void {
    this.#state.versions[name] = version;
    this.#write();
  }

  up(env: Record<string, string>): void {
    this.#state.env = env;
    this.#write();
  }

  down(): void {
    delete this.#state.env;
    delete this.#state.owner;
    this.#write();
  }

  #write(): void {
    // The folder of a throw-away stack may be gone before its last server's end is noted.
    if (!existsSync(this.dir)) return;
    const file = join(this.dir, 'state.json');
    const aside = `${file}.${process.pid}`;
    writeFileSync(aside, `${JSON.stringify(this.#state, null, 2)}\n`, { mode: 0o600 });
    renameSync(aside, file);
  }
}
