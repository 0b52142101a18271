import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '@millrace/core';
import { startStack } from '@millrace/stack';
import { freePort, tempDir, waitFor } from '@millrace/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectKafka, type KafkaClient, type KafkaEvent, type KafkaSettings } from '../src/index.ts';
import { newTopic, produce, readValues } from './support/kafka.ts';

const PASSWORD = 'planted-password-7f3a';
const folders: { remove(): Promise<void> }[] = [];
let stopStack: () => Promise<void> = async () => undefined;
let port: number;
let ca: string;

const keytool = (...args: string[]) => promisify(execFile)('keytool', args);

/** One more listener, with TLS and SASL, beside the one that brokers and tests otherwise use. */
beforeAll(async () => {
  const keys = await tempDir('millrace-keys-');
  const data = await tempDir('millrace-kafka-');
  folders.push(keys, data);
  const store = join(keys.path, 'broker.p12');
  const certificate = join(keys.path, 'broker.pem');
  const access = ['-keystore', store, '-storepass', 'keystore', '-alias', 'broker'];
  const san = ['-ext', 'san=ip:127.0.0.1', '-dname', 'CN=broker'];
  await keytool('-genkeypair', ...access, '-storetype', 'PKCS12', '-keyalg', 'EC', ...san);
  await keytool('-exportcert', '-rfc', ...access, '-file', certificate);
  ca = await readFile(certificate, 'utf8');

  const [plain, controller] = [await freePort(), await freePort()];
  port = await freePort();
  const listeners = `PLAINTEXT://127.0.0.1:${plain},SECURE://127.0.0.1:${port}`;
  const plainLogin = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
  const stack = await startStack({
    dir: data.path,
    parts: ['kafka'],
    keepData: false,
    kafkaProperties: {
      'controller.quorum.voters': `1@127.0.0.1:${controller}`,
      listeners: `${listeners},CONTROLLER://127.0.0.1:${controller}`,
      'advertised.listeners': listeners,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL',
      'listener.name.secure.ssl.keystore.location': store,
      'listener.name.secure.ssl.keystore.password': 'keystore',
      'listener.name.secure.sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.secure.plain.sasl.jaas.config': `${plainLogin} user_plant="${PASSWORD}";`,
    },
  });
  stopStack = () => stack.stop();
});

afterAll(async () => {
  await stopStack();
  await Promise.all(folders.map((folder) => folder.remove()));
});

async function connect(
  settings: Partial<KafkaSettings>,
): Promise<{ kafka: KafkaClient; events: KafkaEvent[] }> {
  const events: KafkaEvent[] = [];
  const kafka = await connectKafka(
    { brokers: [`127.0.0.1:${port}`], clientId: 'secure', ...settings },
    { clock: systemClock, random: Math.random, onEvent: (event) => events.push(event) },
  );
  return { kafka, events };
}

const sasl = (password: string) => ({ mechanism: 'plain', username: 'plant', password }) as const;

test('over TLS, with a password, everything works', async () => {
  const { kafka } = await connect({ tls: { ca }, sasl: sasl(PASSWORD) });
  const topic = await newTopic(kafka);
  await produce(kafka, topic, ['secret']);
  expect(await readValues(kafka, topic)).toEqual(['secret']);
  await kafka.close();
});

test('a server that nobody vouches for is refused', async () => {
  const { kafka, events } = await connect({ tls: {}, sasl: sasl(PASSWORD) });
  expect(kafka.connected).toBe(false);
  await expect(kafka.clusterId()).rejects.toMatchObject({ kind: 'systemic', code: 'MR-KAFKA-TLS' });
  expect(events.filter((e) => e.type === 'broker-lost')).toHaveLength(1);
  await kafka.close();
});

test('a wrong password is told as such, and appears nowhere', async () => {
  const wrong = `${PASSWORD}-wrong`;
  const { kafka, events } = await connect({ tls: { ca }, sasl: sasl(wrong) });
  const error = await kafka.clusterId().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ kind: 'systemic', code: 'MR-KAFKA-AUTHENTICATION' });
  await waitFor(() => events.length > 0, { what: 'an event' });
  const said = [error, ...events].map(
    (e) => JSON.stringify(e, Object.getOwnPropertyNames(e)) + String((e as Error).stack),
  );
  expect(said.join('\n')).not.toContain(PASSWORD);
  await kafka.close();
});
