import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { streamSchema, streamType, streamTypeOptions } from '@millrace/contracts';
import { systemClock } from '@millrace/core';
import { FakeClock, freePort } from '@millrace/testkit';
import { describe, expect, inject, test } from 'vitest';
import { type AvroSchema, createSchemaRegistry, createWireDecoder, createWireEncoder } from '../src/index.ts';

const url = (): string => inject('stack').SCHEMA_REGISTRY_URL ?? '';
const registry = () => createSchemaRegistry({ url: url() }, { clock: systemClock });
let topics = 0;
const newTopic = (): string => `registry-${process.pid}-${topics++}`;

const schema = streamSchema({ name: 'plant' } as Parameters<typeof streamSchema>[0], 'clean', [
  { name: 'tag', type: { kind: 'string' }, optional: false },
  { name: 'count', type: { kind: 'int64' }, optional: true },
  { name: 'price', type: { kind: 'decimal', precision: 12, scale: 3 }, optional: false },
]) satisfies AvroSchema;

describe('the registry', () => {
  test('gives what one process registered to another, exact types included', async () => {
    const topic = newTopic();
    const encoder = await createWireEncoder(registry(), topic, schema, streamTypeOptions());
    const decoder = createWireDecoder<object>(registry(), streamType(schema));
    const value = { tag: 'T1', count: 9_007_199_254_740_993n, price: -1_234n };
    const bytes = encoder.encode(value);
    await decoder.prepare(decoder.schemaIdOf(bytes));
    expect({ ...decoder.decode(bytes) }).toEqual(value);
    expect(await registry().register(topic, schema)).toBe(encoder.schemaId);
  });

  test('refuses a change that older records cannot follow', async () => {
    const topic = newTopic();
    await registry().register(topic, schema);
    const broken = { ...schema, fields: [...schema.fields, { name: 'must', type: 'int' }] };
    await expect(registry().register(topic, broken)).rejects.toMatchObject({
      kind: 'halt',
      code: 'MR-REGISTRY-INCOMPATIBLE',
    });
  });

  test('keeps to the level that an operator gave the subject', async () => {
    const topic = newTopic();
    await registry().register(topic, schema);
    const response = await fetch(`${url()}/config/${topic}-value`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ compatibility: 'FULL' }),
    });
    expect(response.ok).toBe(true);
    const optional = {
      ...schema,
      fields: [...schema.fields, { name: 'may', type: ['null', 'int'], default: null }],
    };
    expect(await registry().register(topic, optional)).toBeGreaterThan(0);
  });

  test('knows no such schema: a bad record; is away: it will pass', async () => {
    await expect(registry().typeOf(2_000_000_000)).rejects.toMatchObject({ kind: 'data' });
    const nobody = createSchemaRegistry(
      { url: `http://127.0.0.1:${await freePort()}` },
      { clock: systemClock },
    );
    await expect(nobody.typeOf(1)).rejects.toMatchObject({
      kind: 'transient',
      code: 'MR-REGISTRY-UNAVAILABLE',
    });
  });
});

describe('asking', () => {
  async function counting(status: number, body: object) {
    let asked = 0;
    const server = createServer((_, response) => {
      asked += 1;
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return {
      url: `http://127.0.0.1:${port}`,
      asked: () => asked,
      [Symbol.asyncDispose]: async () => void server.close(),
    };
  }

  test('happens once for many at the same time, and never again', async () => {
    await using server = await counting(200, { schema: JSON.stringify(schema) });
    const client = createSchemaRegistry({ url: server.url }, { clock: systemClock });
    await Promise.all(Array.from({ length: 20 }, () => client.typeOf(5)));
    await client.typeOf(5);
    expect(server.asked()).toBe(1);
  });

  test('for an unknown id happens again only after half a minute', async () => {
    await using server = await counting(404, { error_code: 40403, message: 'Schema not found' });
    const clock = new FakeClock();
    const client = createSchemaRegistry({ url: server.url }, { clock });
    const ask = () => expect(client.typeOf(5)).rejects.toMatchObject({ kind: 'data' });
    for (let i = 0; i < 3; i += 1) await ask();
    expect(server.asked()).toBe(1);
    await clock.advance(31_000);
    await ask();
    expect(server.asked()).toBe(2);
  });

  test.each([
    [500, 'transient'],
    [503, 'transient'],
    [401, 'systemic'],
  ])('answered with %i is %s, and asked again by whoever wants it', async (status, kind) => {
    await using server = await counting(status, { message: 'no' });
    const client = createSchemaRegistry({ url: server.url }, { clock: systemClock });
    for (let i = 0; i < 2; i += 1) await expect(client.typeOf(5)).rejects.toMatchObject({ kind });
    expect(server.asked()).toBe(2);
  });
});
