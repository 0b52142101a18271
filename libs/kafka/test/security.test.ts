import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '@millrace/core';
import { startStack } from '@millrace/stack';
import { freePort, tempDir, waitFor } from '@millrace/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectKafka, type KafkaClient, type KafkaEvent, type KafkaSettings } from '../src/index.ts';
import { selfSigned } from './support/certificate.ts';
import { newTopic, produce, readValues } from './support/kafka.ts';

const PASSWORD = 'planted-password-7f3a';
const folders: { remove(): Promise<void> }[] = [];
let stopStack: () => Promise<void> = async () => undefined;
let port: number;
let certificatePort: number;
let ca: string;
const client = selfSigned('plant');

const keytool = (...args: string[]) => promisify(execFile)('keytool', args);

/** Two more listeners, beside the one that brokers and tests otherwise use: TLS with SASL, TLS with certificates. */
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

  const trust = join(keys.path, 'clients.p12');
  const clientCertificate = join(keys.path, 'client.pem');
  await writeFile(clientCertificate, client.cert);
  const trusted = ['-keystore', trust, '-storepass', 'keystore', '-storetype', 'PKCS12'];
  await keytool('-importcert', '-noprompt', '-alias', 'plant', '-file', clientCertificate, ...trusted);

  const [plain, controller] = [await freePort(), await freePort()];
  port = await freePort();
  certificatePort = await freePort();
  const secure = `SECURE://127.0.0.1:${port},CERTIFIED://127.0.0.1:${certificatePort}`;
  const listeners = `PLAINTEXT://127.0.0.1:${plain},${secure}`;
  const plainLogin = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
  const scramLogin = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  const stack = await startStack({
    dir: data.path,
    parts: ['kafka'],
    keepData: false,
    kafkaScram: ['SCRAM-SHA-256', 'SCRAM-SHA-512'].map((m) => `${m}=[name=plant,password=${PASSWORD}]`),
    kafkaProperties: {
      'controller.quorum.voters': `1@127.0.0.1:${controller}`,
      listeners: `${listeners},CONTROLLER://127.0.0.1:${controller}`,
      'advertised.listeners': listeners,
      'listener.security.protocol.map':
        'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL,CERTIFIED:SSL',
      'listener.name.secure.ssl.keystore.location': store,
      'listener.name.secure.ssl.keystore.password': 'keystore',
      'listener.name.secure.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      'listener.name.secure.scram-sha-256.sasl.jaas.config': scramLogin,
      'listener.name.secure.scram-sha-512.sasl.jaas.config': scramLogin,
      'listener.name.secure.plain.sasl.jaas.config': `${plainLogin} user_plant="${PASSWORD}";`,
      'listener.name.certified.ssl.keystore.location': store,
      'listener.name.certified.ssl.keystore.password': 'keystore',
      'listener.name.certified.ssl.truststore.location': trust,
      'listener.name.certified.ssl.truststore.password': 'keystore',
      'listener.name.certified.ssl.client.auth': 'required',
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

type Mechanism = NonNullable<KafkaSettings['sasl']>['mechanism'];
const MECHANISMS: readonly Mechanism[] = ['plain', 'scram-sha-256', 'scram-sha-512'];
const sasl = (password: string, mechanism: Mechanism = 'plain') => ({
  mechanism,
  username: 'plant',
  password,
});

async function expectToWork(kafka: KafkaClient): Promise<void> {
  const topic = await newTopic(kafka);
  await produce(kafka, topic, ['secret']);
  expect(await readValues(kafka, topic)).toEqual(['secret']);
  await kafka.close();
}

test.each(MECHANISMS)('over TLS, with a password (%s), everything works', async (mechanism) => {
  const { kafka } = await connect({ tls: { ca }, sasl: sasl(PASSWORD, mechanism) });
  await expectToWork(kafka);
});

test("with a client's certificate everything works", async () => {
  const brokers = [`127.0.0.1:${certificatePort}`];
  const { kafka } = await connect({ brokers, tls: { ca, ...client } });
  await expectToWork(kafka);
});

test.each([
  ['none', {}],
  ['one that the broker does not know', selfSigned('stranger')],
])("with %s for a client's certificate the refusal is told as such", async (_, own) => {
  const { kafka } = await connect({ brokers: [`127.0.0.1:${certificatePort}`], tls: { ca, ...own } });
  await expect(kafka.clusterId()).rejects.toMatchObject({ kind: 'systemic', code: 'MR-KAFKA-TLS' });
  await kafka.close();
});

test('a server that nobody vouches for is refused', async () => {
  const { kafka, events } = await connect({ tls: {}, sasl: sasl(PASSWORD) });
  expect(kafka.connected).toBe(false);
  await expect(kafka.clusterId()).rejects.toMatchObject({ kind: 'systemic', code: 'MR-KAFKA-TLS' });
  expect(events.filter((e) => e.type === 'broker-lost')).toHaveLength(1);
  await kafka.close();
});

test.each(MECHANISMS)('a wrong password (%s) is told as such, and appears nowhere', async (mechanism) => {
  const wrong = `${PASSWORD}-wrong`;
  const { kafka, events } = await connect({ tls: { ca }, sasl: sasl(wrong, mechanism) });
  const error = await kafka.clusterId().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ kind: 'systemic', code: 'MR-KAFKA-AUTHENTICATION' });
  await waitFor(() => events.length > 0, { what: 'an event' });
  const said = [error, ...events].map(
    (e) => JSON.stringify(e, Object.getOwnPropertyNames(e)) + String((e as Error).stack),
  );
  expect(said.join('\n')).not.toContain(PASSWORD);
  await kafka.close();
});
