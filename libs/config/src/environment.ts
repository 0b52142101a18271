import { MillraceError } from '@millrace/core';
import type { Secret } from './secret.ts';

/** Variables as `process.env` holds them. */
export type Variables = Readonly<Record<string, string | undefined>>;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type SaslMechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512';

/** Where this process runs: never part of a pipeline file. */
export interface Environment {
  /** Separates installations on one cluster: part of groups and transactional ids. */
  readonly instance: string;
  readonly pipelinesFolder: string;
  readonly kafka: {
    readonly brokers: readonly string[];
    readonly clientId: string;
    /** PEM texts; without `ca` the system's roots are used. */
    readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: Secret };
    readonly sasl?: {
      readonly mechanism: SaslMechanism;
      readonly username: string;
      readonly password: Secret;
    };
  };
  readonly registry: { readonly url: string; readonly username?: string; readonly password?: Secret };
  readonly http: { readonly host: string; readonly port: number };
  readonly log: { readonly level: LogLevel };
  /** Scratch space: spooled downloads. */
  readonly workFolder: string;
}

/** Reads and checks the whole environment; throws one `MillraceError` of kind `config` that lists every mistake. */
export function loadEnvironment(_variables: Variables): Environment {
  throw new MillraceError({ kind: 'bug', code: 'MR-BUG', message: 'not built yet' });
}
