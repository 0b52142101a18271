import { type Environment, secretsIn, type Variables } from '@millrace/config';
import type { Clock } from '@millrace/core';
import type { DestinationStream } from 'pino';
import { createLog, type Log } from './log.ts';
import { Metrics } from './metrics.ts';
import { Redactor } from './redaction.ts';
import { createTelemetry, type EventTable, type Telemetry, type TelemetryScope } from './telemetry.ts';

/** The process's log and metrics, and what must not be seen in them. */
export interface Observability {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly redactor: Redactor;
  telemetry<E extends { readonly type: string }>(table: EventTable<E>, scope?: TelemetryScope): Telemetry<E>;
}

export interface ObservabilitySettings {
  readonly service: string;
  readonly version: string;
  readonly env: Environment;
  readonly variables: Variables;
  readonly clock: Clock;
  readonly output: DestinationStream | undefined;
}

export function createObservability(settings: ObservabilitySettings): Observability {
  const { service, version, env, clock, output } = settings;
  const redactor = new Redactor();
  redactor.learn(secretsIn(env));
  redactor.learn(secretVariables(settings.variables));
  const metrics = new Metrics();
  const base = { service, version, instance: env.instance };
  const log = createLog({ level: env.log.level, base, redactor, clock, ...(output && { output }) });
  return {
    log,
    metrics,
    redactor,
    telemetry: (table, scope) => createTelemetry({ log, metrics }, table, scope),
  };
}

const SECRET_NAME = /PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|PRIVATE_?KEY|API_?KEY|CREDENTIAL/i;

/** Secrets of the environment that nobody has parsed (yet): by the variable's name, and passwords in URLs. */
export function secretVariables(variables: Variables): readonly string[] {
  return Object.entries(variables).flatMap(([name, value]) => {
    if (value === undefined || name.endsWith('_FILE')) return [];
    if (SECRET_NAME.test(name)) return [value];
    if (!value.includes('://') || !URL.canParse(value)) return [];
    const { password } = new URL(value);
    return password === '' ? [] : [value, password];
  });
}
