import avsc from 'avsc';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AvroSchema, SchemaRegistry } from '../registry-types.ts';
import { createWireDecoder, createWireEncoder } from './wire.ts';

const V1: AvroSchema = {
  type: 'record',
  name: 'R',
  fields: [
    { name: 'a', type: 'string' },
    { name: 'n', type: 'int' },
  ],
};
const V2: AvroSchema = {
  ...V1,
  fields: [...V1.fields, { name: 'more', type: ['null', 'string'], default: null }],
};

function registryOf(...schemas: AvroSchema[]): SchemaRegistry & { asked: number } {
  return {
    asked: 0,
    register: async (_, schema) => schemas.indexOf(schema) + 1,
    async typeOf(id) {
      this.asked += 1;
      return avsc.Type.forSchema(schemas[id - 1] as avsc.Schema);
    },
  };
}

describe('wire format', () => {
  test('is a zero byte, the id big endian, and Avro; any value comes back', async () => {
    const registry = registryOf(V1);
    const encoder = await createWireEncoder(registry, 't', V1);
    const decoder = createWireDecoder<object>(registry, avsc.Type.forSchema(V1 as avsc.Schema));
    await decoder.prepare(1);
    fc.assert(
      // Up to far beyond the first slab.
      fc.property(
        fc.string({ maxLength: 60 }),
        fc.integer(),
        fc.integer({ min: 0, max: 1_000 }),
        (text, n, times) => {
          const value = { a: text.repeat(times), n };
          const bytes = encoder.encode(value);
          expect(bytes.subarray(0, 5)).toEqual(Buffer.from([0, 0, 0, 0, 1]));
          expect({ ...decoder.decode(bytes) }).toEqual(value);
        },
      ),
    );
  });

  test("an older writer's record is read with the reader's defaults", async () => {
    const registry = registryOf(V1, V2);
    const encoder = await createWireEncoder(registry, 't', V1);
    const decoder = createWireDecoder<object>(registry, avsc.Type.forSchema(V2 as avsc.Schema));
    await decoder.prepare(1);
    await decoder.prepare(1);
    expect(registry.asked).toBe(1);
    expect({ ...decoder.decode(encoder.encode({ a: 'x', n: 1 })) }).toEqual({ a: 'x', n: 1, more: null });
  });

  test('anything else is a bad record', async () => {
    const registry = registryOf(V1);
    const encoder = await createWireEncoder(registry, 't', V1);
    const decoder = createWireDecoder(registry);
    await decoder.prepare(1);
    const good = Buffer.from(encoder.encode({ a: 'hello', n: 1 }));
    const bad = [
      Buffer.alloc(0),
      Buffer.from('{"json":1}'),
      good.subarray(0, 7),
      Buffer.concat([good, good]),
    ];
    for (const bytes of bad) {
      expect(() => decoder.decode(bytes)).toThrowError(expect.objectContaining({ kind: 'data' }));
    }
    expect(decoder.schemaIdOf(good)).toBe(1);
    expect(decoder.schemaIdOf(Buffer.from('text'))).toBe(-1);
    expect(() => encoder.encode({ a: 'x', n: 'not a number' })).toThrowError(
      expect.objectContaining({ kind: 'data' }),
    );
  });

  test('a schema that was not prepared is our mistake, before and after another one', async () => {
    const registry = registryOf(V1, V2);
    const one = await createWireEncoder(registry, 't', V1);
    const two = await createWireEncoder(registry, 't', V2);
    const decoder = createWireDecoder(registry);
    await decoder.prepare(1);
    decoder.decode(one.encode({ a: 'x', n: 1 }));
    const unknown = Buffer.from(two.encode({ a: 'x', n: 1, more: null }));
    for (let i = 0; i < 2; i += 1) {
      expect(() => decoder.decode(unknown)).toThrowError(
        expect.objectContaining({ code: 'MR-AVRO-NOT-PREPARED' }),
      );
    }
    await decoder.prepare(2);
    expect(decoder.decode(unknown)).toMatchObject({ a: 'x' });
  });
});
