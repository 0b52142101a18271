import { readFile } from 'node:fs/promises';
import { type TempDir, tempDir, waitFor } from '@millrace/testkit';
import {
  DataType,
  type HistoryData,
  MessageSecurityMode,
  SecurityPolicy,
  StatusCodes,
  UserTokenType,
} from 'node-opcua-client';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type IssuedTag, MISSING_TAG, type Stack, startStack } from '../src/index.ts';
import { browsePlant, Clients, type Connection, ENCRYPTED, numberOf, range, Watch } from './opcua-client.ts';

const TAGS = 200;
const UPDATE_MS = 20;

let dir: TempDir;
let stack: Stack<'opcua'>;
let clients: Clients;

beforeAll(async () => {
  dir = await tempDir();
  stack = await startStack({
    dir: dir.path,
    parts: ['opcua'],
    keepData: false,
    opcua: {
      tags: TAGS,
      updateMs: UPDATE_MS,
      historyValues: 50_000,
      operationLimits: { maxNodesPerHistoryReadData: 100 },
    },
  });
  clients = new Clients(stack.env, dir.path);
  await clients.trust(stack.env.OPCUA_SERVER_CERT_FILE ?? '');
});

afterAll(async () => {
  await stack.stop();
  await dir.remove();
});

beforeEach(() => stack.opcua.fault({ kind: 'heal' }));
afterEach(async () => {
  await stack.opcua.fault({ kind: 'heal' });
  await clients.closeAll();
});

async function issuedById(): Promise<Map<string, IssuedTag>> {
  return new Map((await stack.opcua.issued()).map((tag) => [tag.id, tag]));
}

async function sequences(count = 100): Promise<string[]> {
  return (await stack.opcua.issued()).slice(0, count).map(({ id }) => id);
}

async function read({ session, index }: Connection, id: string) {
  return session.read({ nodeId: `ns=${index};s=${id}`, attributeId: 13 });
}

/** Waits until each tag's last issued reading has arrived, then returns what was issued. Updates must be stopped. */
async function arrived(watch: Watch): Promise<Map<string, IssuedTag>> {
  const issued = await issuedById();
  await waitFor(
    () => [...watch.received.keys()].every((id) => watch.numbers(id).at(-1) === issued.get(id)?.last),
    {
      what: 'the last readings',
    },
  );
  return issued;
}

async function historyOf(connection: Connection, id: string, from: Date, to: Date): Promise<number[]> {
  const node = `ns=${connection.index};s=${id}`;
  const { historyData } = await connection.session.readHistoryValue(node, from, to);
  return ((historyData as HistoryData).dataValues ?? []).map(numberOf);
}

test('offers each policy and mode; lets in anonymous, by password and by certificate, nobody else', async () => {
  const client = clients.make();
  await client.connect(stack.env.OPCUA_ENDPOINT ?? '');
  const endpoints = await client.getEndpoints();
  await client.disconnect();
  const { None, Basic256Sha256, Aes128_Sha256_RsaOaep, Aes256_Sha256_RsaPss } = SecurityPolicy;
  const { Sign, SignAndEncrypt } = MessageSecurityMode;
  expect(
    new Set(endpoints.map((endpoint) => `${endpoint.securityPolicyUri} ${endpoint.securityMode}`)),
  ).toEqual(
    new Set([
      `${None} ${MessageSecurityMode.None}`,
      ...[Basic256Sha256, Aes128_Sha256_RsaOaep, Aes256_Sha256_RsaPss].flatMap((policy) =>
        [Sign, SignAndEncrypt].map((mode) => `${policy} ${mode}`),
      ),
    ]),
  );

  await clients.open();
  await clients.open({ policy: Basic256Sha256, mode: Sign });
  const userName = stack.env.OPCUA_USER ?? '';
  const user = { type: UserTokenType.UserName, userName, password: stack.env.OPCUA_PASSWORD ?? '' } as const;
  await clients.open({ ...ENCRYPTED, user });
  await expect(clients.open({ ...ENCRYPTED, user: { ...user, password: 'wrong' } })).rejects.toThrow(
    /BadUserAccessDenied|BadIdentityTokenRejected/,
  );
  const pem = await readFile(stack.env.OPCUA_USER_CERT_FILE ?? '', 'utf8');
  const certificateData = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const privateKey = await readFile(stack.env.OPCUA_USER_KEY_FILE ?? '', 'utf8');
  await clients.open({
    ...ENCRYPTED,
    user: { type: UserTokenType.Certificate, certificateData, privateKey },
  });
  expect((await stack.opcua.status()).sessions).toBe(4);
});

test('is browsed to its end in spite of a way back up; holds every type, quality and the ends of 64 bits', async () => {
  const connection = await clients.open();
  const { ids } = await browsePlant(connection);
  const tags = ids.filter((id) => /-\d{5}$/.test(id));
  expect(tags).toHaveLength(TAGS);
  const values = await Promise.all(tags.map((id) => read(connection, id)));
  const types = new Set(
    values.map(({ value }) => `${DataType[value.dataType]}${value.arrayType > 0 ? '[]' : ''}`),
  );
  expect([...types].sort()).toEqual(
    'Boolean ByteString DateTime Double Double[] Float Int16 Int32 Int32[] Int64 String String[] UInt32 UInt64'.split(
      ' ',
    ),
  );
  const valueNamed = (name: string) => values[tags.findIndex((id) => id.includes(name))]?.value.value;
  expect(valueNamed('static-Int64')).toEqual([0x80000000, 0]);
  expect(valueNamed('static-UInt64')).toEqual([0xffffffff, 0xffffffff]);
  expect(
    values.filter(({ statusCode }) => statusCode.equals(StatusCodes.BadSensorFailure)).length,
  ).toBeGreaterThan(9);
  expect((await read(connection, MISSING_TAG)).statusCode).toBe(StatusCodes.BadNodeIdUnknown);
});

test.each([
  ['plain', {}],
  ['encrypted', ENCRYPTED],
])('a subscriber has each reading issued since its first, once, %s', async (_name, login) => {
  // As often as they change: two timers of that length would lose some and repeat others.
  const watch = await Watch.start(await clients.open(login), await sequences(), { sampling: UPDATE_MS });
  await waitFor(() => [...watch.received.values()].every((values) => values.length > 20), {
    what: 'readings',
  });
  await stack.opcua.fault({ kind: 'stopUpdates' });
  const issued = await arrived(watch);
  for (const id of watch.received.keys()) {
    const numbers = watch.numbers(id);
    expect(numbers).toEqual(range(numbers[0] ?? 0, issued.get(id)?.last ?? 0));
  }
  const statuses = new Set([...watch.received.values()].flat().map(({ statusCode }) => statusCode.name));
  expect(statuses).toEqual(new Set(['Good', 'UncertainLastUsableValue', 'BadSensorFailure']));
});

test('a full queue loses the oldest readings and says so, also where they are bad', async () => {
  await stack.opcua.fault({ kind: 'stopUpdates' });
  const watch = await Watch.start(await clients.open(), await sequences(), { queue: 5, publishing: 500 });
  await waitFor(() => [...watch.received.values()].every((values) => values.length === 1), {
    what: 'first values',
  });
  await stack.opcua.fault({ kind: 'issue', readings: 20 });
  const issued = await arrived(watch);
  for (const [id, values] of watch.received) {
    const last = issued.get(id)?.last ?? 0;
    expect(watch.numbers(id).slice(1)).toEqual(range(last - 4, last));
    expect(values.map(({ statusCode }) => statusCode.hasOverflowBit)).toEqual([
      false,
      true,
      false,
      false,
      false,
      false,
    ]);
  }
});

test('history gives the remembered readings in order, by time', async () => {
  const connection = await clients.open();
  await stack.opcua.fault({ kind: 'stopUpdates' });
  const [id = ''] = await sequences(1);
  const before = await read(connection, id);
  await stack.opcua.fault({ kind: 'issue', readings: 2_500 });
  const after = await read(connection, id);
  const [start, end] = [before.sourceTimestamp ?? new Date(), after.sourceTimestamp ?? new Date()];
  expect(await historyOf(connection, id, start, end)).toEqual(range(numberOf(before), numberOf(after)));
  expect(await historyOf(connection, id, end, start)).toEqual(
    range(numberOf(before), numberOf(after)).reverse(),
  );
  expect(numberOf(after) - numberOf(before)).toBe(2_500);
});

test('a restart forgets the sessions and moves the namespace; the plant has gone on, and history knows how', async () => {
  const old = await clients.open();
  const watch = await Watch.start(old, await sequences(3));
  const [id = ''] = watch.received.keys();
  await waitFor(() => watch.numbers(id).length > 3, { what: 'readings' });
  const before = await stack.opcua.status();
  const after = await stack.opcua.fault({ kind: 'restart', shiftNamespaces: true, downMs: 200 });
  expect(after).toMatchObject({
    sessions: 0,
    namespaceIndex: before.namespaceIndex + 1,
    restarts: before.restarts + 1,
    certificateFile: before.certificateFile,
  });
  await waitFor(() => watch.ended, { what: 'the end of the subscription' });

  const connection = await clients.open();
  expect(connection.index).toBe(after.namespaceIndex);
  const lost = watch.received.get(id)?.at(-1);
  await stack.opcua.fault({ kind: 'stopUpdates' });
  const now = await read(connection, id);
  const missed = await historyOf(
    connection,
    id,
    lost?.sourceTimestamp ?? new Date(),
    now.sourceTimestamp ?? new Date(),
  );
  expect(missed).toEqual(range(watch.numbers(id).at(-1) ?? 0, numberOf(now)));
  expect(missed.length).toBeGreaterThan(2);
});

test('tags are deleted and come back, and the missing one appears', async () => {
  const connection = await clients.open();
  const [id = ''] = await sequences(1);
  await stack.opcua.fault({ kind: 'deleteTags', ids: [id] });
  expect((await read(connection, id)).statusCode).toBe(StatusCodes.BadNodeIdUnknown);
  const stopped = (await issuedById()).get(id)?.last ?? 0;
  await stack.opcua.fault({ kind: 'addTags', ids: [id, MISSING_TAG] });
  await waitFor(async () => numberOf(await read(connection, id)) > stopped + 1, { what: 'the tag to go on' });
  const issued = await issuedById();
  expect(issued.get(MISSING_TAG)?.first).toBe(1);
  const watch = await Watch.start(connection, [id, MISSING_TAG]);
  await stack.opcua.fault({ kind: 'stopUpdates' });
  await arrived(watch);
  await stack.opcua.fault({ kind: 'deleteTags', ids: [MISSING_TAG] });
});

test('dropped subscriptions are gone without a word, dropped sessions are invalid', async () => {
  const connection = await clients.open();
  const watch = await Watch.start(connection, await sequences(5));
  await waitFor(() => [...watch.received.values()].every((values) => values.length > 1), {
    what: 'readings',
  });
  expect(await stack.opcua.status()).toMatchObject({ sessions: 1, subscriptions: 1, monitoredItems: 5 });
  expect(await stack.opcua.fault({ kind: 'dropSubscriptions' })).toMatchObject({
    sessions: 1,
    subscriptions: 0,
  });
  expect((await waitFor(() => watch.ended, { what: 'the end' })).message).toContain('BadNoSubscription');

  const { sessionId } = connection.session;
  expect(await stack.opcua.fault({ kind: 'dropSessions' })).toMatchObject({ sessions: 0 });
  // The client makes itself a new one.
  const [id = ''] = await sequences(1);
  await read(connection, id);
  expect(connection.session.sessionId.toString()).not.toBe(sessionId.toString());
});

test('a silent server answers everything but Publish, until it is healed', async () => {
  const connection = await clients.open();
  const watch = await Watch.start(connection, await sequences(5), { queue: 10_000 });
  const [id = ''] = watch.received.keys();
  await waitFor(() => watch.numbers(id).length > 2, { what: 'readings' });
  await stack.opcua.fault({ kind: 'silent' });
  const late = await Watch.start(await clients.open(), [id]);
  // What was on its way comes before this answer.
  const at = numberOf(await read(connection, id));
  const heard = watch.numbers(id).length;
  await waitFor(async () => numberOf(await read(connection, id)) > at + 20, { what: 'the plant to go on' });
  expect(watch.numbers(id)).toHaveLength(heard);
  expect(late.numbers(id)).toEqual([]);
  await stack.opcua.fault({ kind: 'heal' });
  await stack.opcua.fault({ kind: 'stopUpdates' });
  await arrived(watch);
  await arrived(late);
  const numbers = watch.numbers(id);
  expect(numbers).toEqual(range(numbers[0] ?? 0, numbers.at(-1) ?? 0));
});

test.each([{ kind: 'stall' }, { kind: 'slow', delayMs: 3_600_000 }] as const)(
  'a server with a fault $kind answers when it is healed',
  async (fault) => {
    const connection = await clients.open();
    const [id = ''] = await sequences(1);
    await stack.opcua.fault(fault);
    let answered = false;
    const reading = read(connection, id).then(() => {
      answered = true;
    });
    for (let round = 0; round < 5; round++) await stack.opcua.status();
    expect(answered).toBe(false);
    await stack.opcua.fault({ kind: 'heal' });
    await reading;
  },
);

test('a slow server answers in the end; a cut ends connections only', async () => {
  const connection = await clients.open();
  const [id = ''] = await sequences(1);
  await stack.opcua.fault({ kind: 'slow', delayMs: 50 });
  await read(connection, id);
  await stack.opcua.fault({ kind: 'heal' });

  const { connections, sessions } = await stack.opcua.status();
  const lost = new Promise<void>((resolve) => connection.client.once('connection_lost', () => resolve()));
  await stack.opcua.fault({ kind: 'cut' });
  await lost;
  expect(connections).toBeGreaterThan(0);
  expect((await stack.opcua.status()).sessions).toBe(sessions);
});

test('refused certificates let no encrypted client in; a changed one is not trusted unseen', async () => {
  await stack.opcua.fault({ kind: 'refuseCertificates' });
  await expect(clients.open(ENCRYPTED)).rejects.toThrow();
  await clients.open();
  await stack.opcua.fault({ kind: 'heal' });
  await clients.open(ENCRYPTED);

  const { certificateFile } = await stack.opcua.fault({ kind: 'restart', newCertificate: true });
  expect(certificateFile).not.toBe(stack.env.OPCUA_SERVER_CERT_FILE);
  await expect(clients.open(ENCRYPTED)).rejects.toThrow();
  await clients.trust(certificateFile);
  await clients.open(ENCRYPTED);
});
