import { MillraceError } from '@millrace/core';
import { expect, test } from 'vitest';
import { loadEnvironment } from './environment.ts';

const LEAST = { KAFKA_BROKERS: 'a:9092, b:9093', SCHEMA_REGISTRY_URL: 'http://r:8080/apis/ccompat/v7' };
const FILES: Readonly<Record<string, string>> = { '/run/pw': 's3cret\n', '/run/ca.pem': 'PEM' };
const load = (variables: Record<string, string>) =>
  loadEnvironment(variables, (path) => {
    const text = FILES[path];
    if (text === undefined) throw new Error('ENOENT');
    return text;
  });

function mistakes(variables: Record<string, string>): string {
  try {
    load(variables);
  } catch (error) {
    expect(error).toBeInstanceOf(MillraceError);
    expect(error).toMatchObject({ kind: 'config', code: 'MR-CONFIG-ENVIRONMENT' });
    return (error as Error).message;
  }
  throw new Error('no mistake was found');
}

test('the least that is needed, and the defaults', () => {
  expect(load(LEAST)).toMatchObject({
    instance: 'default',
    pipelinesFolder: 'pipelines',
    kafka: { brokers: ['a:9092', 'b:9093'], clientId: 'millrace' },
    registry: { url: 'http://r:8080/apis/ccompat/v7' },
    http: { host: '0.0.0.0', port: 8080 },
    log: { level: 'info' },
    memoryBytes: 134_217_728,
  });
  expect(load(LEAST).kafka.tls).toBeUndefined();
});

test('every mistake is listed, at once', () => {
  const text = mistakes({
    KAFKA_BROKER: 'a:1',
    HTTP_PORT: '70000',
    LOG_LEVEL: 'loud',
    MILLRACE_INSTANCE: 'X',
  });
  for (const part of [
    'KAFKA_BROKERS is not set (KAFKA_BROKER is set: did you mean that?)',
    'SCHEMA_REGISTRY_URL is not set',
    'HTTP_PORT is not a port',
    'LOG_LEVEL is none of: debug, info, warn, error',
    'MILLRACE_INSTANCE does not match',
    '5 mistakes',
  ]) {
    expect(text).toContain(part);
  }
});

test('secrets come from files too, and do not print', () => {
  const env = load({
    ...LEAST,
    KAFKA_TLS_CA_FILE: '/run/ca.pem',
    KAFKA_SASL_MECHANISM: 'scram-sha-512',
    KAFKA_SASL_USERNAME: 'u',
    KAFKA_SASL_PASSWORD_FILE: '/run/pw',
  });
  expect(env.kafka.tls).toEqual({ ca: 'PEM' });
  expect(env.kafka.sasl?.password.reveal()).toBe('s3cret');
  expect(JSON.stringify(env)).not.toContain('s3cret');
});

test.each([
  [{ KAFKA_SASL_USERNAME: 'u' }, /belong together/],
  [{ KAFKA_TLS_CERT_FILE: '/run/ca.pem' }, /KAFKA_TLS_KEY_FILE belong together/],
  [{ KAFKA_TLS_CA_FILE: '/run/none.pem' }, /cannot read \/run\/none.pem/],
  [{ KAFKA_TLS: 'yes' }, /neither 'true' nor 'false'/],
  [{ KAFKA_BROKERS: 'a' }, /'a' does not look like/],
  [{ MILLRACE_MEMORY: '12' }, /not a size/],
  [{ SCHEMA_REGISTRY_URL: 'http://u:hunter2@r' }, /holds a user or password/],
  [{ SCHEMA_REGISTRY_URL: 'ftp://r' }, /must start with http/],
  [{ SCHEMA_REGISTRY_PASSWORD: 'hunter2' }, /belong together/],
  [
    { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 'hunter2' },
    /would be sent unencrypted/,
  ],
])('%j', (variables, says) => {
  const text = mistakes({ ...LEAST, ...variables });
  expect(text).toMatch(says);
  expect(text).not.toContain('hunter2');
});

test('sending a password in the clear can be spelled out', () => {
  const sasl = { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 'hunter2' };
  expect(load({ ...LEAST, ...sasl, KAFKA_TLS: 'false' }).kafka.sasl?.mechanism).toBe('plain');
  expect(load({ ...LEAST, ...sasl, KAFKA_BROKERS: 'localhost:9092' }).kafka.tls).toBeUndefined();
});
