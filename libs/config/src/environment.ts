import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MillraceError } from '@millrace/core';
import { EnvironmentReader } from './environment-reader.ts';
import { Secret } from './secret.ts';
import { type ReadText, readTextFile, type Variables } from './variables.ts';

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
  /** Bound on records in memory. */
  readonly memoryBytes: number;
}

/** Reads and checks the whole environment; throws one `MillraceError` of kind `config` that lists every mistake. */
export function loadEnvironment(variables: Variables, readText: ReadText = readTextFile): Environment {
  const reader = new EnvironmentReader(variables, readText);
  const environment: Environment = {
    instance: reader.text('MILLRACE_INSTANCE') ?? '',
    pipelinesFolder: reader.text('MILLRACE_PIPELINES') ?? '',
    kafka: kafkaOf(reader),
    registry: registryOf(reader),
    http: { host: reader.text('HTTP_HOST') ?? '', port: reader.number('HTTP_PORT') },
    log: { level: (reader.text('LOG_LEVEL') ?? 'info') as LogLevel },
    workFolder: reader.text('MILLRACE_WORK') || join(tmpdir(), 'millrace'),
    memoryBytes: reader.number('MILLRACE_MEMORY'),
  };
  if (reader.mistakes.length === 0) return environment;
  throw new MillraceError({
    kind: 'config',
    code: 'MR-CONFIG-ENVIRONMENT',
    message: `The environment has ${reader.mistakes.length === 1 ? 'a mistake' : `${reader.mistakes.length} mistakes`}:\n${reader.mistakes.map((mistake) => `  ${mistake}`).join('\n')}`,
    remedy: 'Set the variables named above; docs/reference/environment.md lists them all.',
  });
}

function kafkaOf(reader: EnvironmentReader): Environment['kafka'] {
  const brokers = reader.list('KAFKA_BROKERS');
  const ca = reader.text('KAFKA_TLS_CA_FILE');
  const cert = reader.text('KAFKA_TLS_CERT_FILE');
  const key = reader.text('KAFKA_TLS_KEY_FILE');
  if ((cert === undefined) !== (key === undefined)) {
    reader.mistakes.push('KAFKA_TLS_CERT_FILE and KAFKA_TLS_KEY_FILE belong together: set both or neither.');
  }
  const asked = reader.flag('KAFKA_TLS');
  const tlsWanted = asked ?? (ca !== undefined || cert !== undefined);
  const sasl = saslOf(reader);
  if (sasl && asked === undefined && !tlsWanted && !brokers.every(isLoopback)) {
    reader.mistakes.push(
      'KAFKA_SASL_PASSWORD would be sent unencrypted: set KAFKA_TLS=true, or spell it out with KAFKA_TLS=false.',
    );
  }
  return {
    brokers,
    clientId: reader.text('KAFKA_CLIENT_ID') ?? '',
    ...(tlsWanted && {
      tls: { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key: new Secret(key) }) },
    }),
    ...(sasl && { sasl }),
  };
}

function saslOf(reader: EnvironmentReader): Environment['kafka']['sasl'] {
  const mechanism = reader.text('KAFKA_SASL_MECHANISM') as SaslMechanism | undefined;
  const username = reader.text('KAFKA_SASL_USERNAME');
  const password = reader.text('KAFKA_SASL_PASSWORD');
  if (mechanism === undefined && username === undefined && password === undefined) return undefined;
  if (mechanism !== undefined && username !== undefined && password !== undefined) {
    return { mechanism, username, password: new Secret(password) };
  }
  reader.mistakes.push(
    'KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD belong together: set all three or none.',
  );
  return undefined;
}

function registryOf(reader: EnvironmentReader): Environment['registry'] {
  const url = reader.text('SCHEMA_REGISTRY_URL') ?? '';
  const username = reader.text('SCHEMA_REGISTRY_USERNAME');
  const password = reader.text('SCHEMA_REGISTRY_PASSWORD');
  if ((username === undefined) !== (password === undefined)) {
    reader.mistakes.push(
      'SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD belong together: set both or neither.',
    );
  }
  return {
    url,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password: new Secret(password) }),
  };
}

function isLoopback(broker: string): boolean {
  return /^(localhost|127\.[0-9.]+|\[::1\]):\d+$/.test(broker);
}
