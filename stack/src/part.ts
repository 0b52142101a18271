import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ServerCommand, type ServerProcess, startServer } from './process/server.ts';
import type { StateFile } from './state.ts';

/** What every component is started with. */
export interface PartContext {
  readonly state: StateFile;
  /** One line for people; goes to stderr. */
  readonly progress: (line: string) => void;
  /** Data outlives the stack: stop it cleanly. Otherwise it is thrown away and killing is enough. */
  readonly keepData: boolean;
}

/** A running component. */
export interface Part {
  readonly env: Readonly<Record<string, string>>;
  readonly version: string;
  stop(): Promise<void>;
}

/** A server that can be killed, paused and started again on the same port and data. */
export interface Restartable {
  readonly running: boolean;
  readonly pid: number;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** A clean stop; resolves when the process is gone. */
  stop(): Promise<void>;
  /** Starts it again on the same port and data; resolves when it is ready. */
  start(): Promise<void>;
  /** SIGSTOP: alive and silent. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
}

/** A server of a part, startable again and again with the same command. */
export class Supervised implements Restartable {
  readonly #context: PartContext;
  readonly #command: Omit<ServerCommand, 'logFile'>;
  #server: ServerProcess | undefined;

  constructor(context: PartContext, command: Omit<ServerCommand, 'logFile'>) {
    this.#context = context;
    this.#command = command;
  }

  get running(): boolean {
    return this.#server?.running ?? false;
  }

  get pid(): number {
    return this.#server?.identity.pid ?? -1;
  }

  async start(): Promise<void> {
    if (this.running) return;
    const logs = join(this.#context.state.dir, 'logs');
    mkdirSync(logs, { recursive: true });
    const server = await startServer({ ...this.#command, logFile: join(logs, `${this.#command.name}.log`) });
    this.#context.state.track(server);
    this.#server = server;
  }

  async kill(): Promise<void> {
    await this.signalAndWait('SIGKILL');
  }

  /** Sends any ending signal and waits for the end. */
  async signalAndWait(signal: NodeJS.Signals): Promise<void> {
    this.#server?.kill(signal);
    await this.#server?.exited;
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  /** The end of the stack: clean where data is kept, quick where not. */
  async end(): Promise<void> {
    if (this.#context.keepData) await this.stop();
    else await this.kill();
  }

  pause(): void {
    this.#server?.kill('SIGSTOP');
  }

  resume(): void {
    this.#server?.kill('SIGCONT');
  }
}
