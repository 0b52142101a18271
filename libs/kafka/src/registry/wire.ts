import { MillraceError } from '@millrace/core';
import avsc, { type Resolver, type Schema, type Type } from 'avsc';
import type { AvroSchema, SchemaRegistry, WireDecoder, WireEncoder } from '../registry-types.ts';
import type { AvscTypeOptions } from './schema-registry.ts';

const PREFIX_BYTES = 5;
const FIRST_SLAB_BYTES = 16 << 10;

/** Registers the schema under `<topic>-value` and returns its encoder. Errors: see `SchemaRegistry.register`. */
export async function createWireEncoder(
  registry: SchemaRegistry,
  topic: string,
  schema: AvroSchema,
  typeOptions?: AvscTypeOptions,
): Promise<WireEncoder> {
  const schemaId = await registry.register(topic, schema);
  return wireEncoder(schemaId, avsc.Type.forSchema(schema as Schema, typeOptions));
}

/** The encoder alone, for a schema id that is known. `encode` throws `data` on a value that does not fit. */
export function wireEncoder(schemaId: number, type: Type): WireEncoder {
  let slab = newSlab(FIRST_SLAB_BYTES, schemaId);
  return {
    schemaId,
    encode(value) {
      for (;;) {
        // A negative position is how many bytes were missing.
        const end = encodeInto(type, value, slab);
        if (end >= 0) return slab.subarray(0, end);
        slab = newSlab(Math.max(slab.length * 2, slab.length - end), schemaId);
      }
    },
  };
}

function newSlab(bytes: number, schemaId: number): Buffer {
  const slab = Buffer.allocUnsafe(bytes);
  slab[0] = 0;
  slab.writeInt32BE(schemaId, 1);
  return slab;
}

function encodeInto(type: Type, value: unknown, slab: Buffer): number {
  try {
    return type.encode(value, slab, PREFIX_BYTES);
  } catch (error) {
    throw new MillraceError({
      kind: 'data',
      code: 'MR-AVRO-INVALID-VALUE',
      message: `A value does not fit the schema ${type.name ?? type.typeName}.`,
      remedy: 'Compare the value with the record definition.',
      cause: error,
    });
  }
}

/** Decodes into `readerType`, or into each writer's own type when there is none. */
export function createWireDecoder<T>(registry: SchemaRegistry, readerType?: Type): WireDecoder<T> {
  return new ResolvingDecoder<T>(registry, readerType);
}

interface Writer {
  readonly type: Type;
  readonly resolver: Resolver | undefined;
}

class ResolvingDecoder<T> implements WireDecoder<T> {
  readonly #registry: SchemaRegistry;
  readonly #readerType: Type | undefined;
  readonly #writers = new Map<number, Writer>();
  #lastId = -1;
  #last: Writer | undefined;

  constructor(registry: SchemaRegistry, readerType: Type | undefined) {
    this.#registry = registry;
    this.#readerType = readerType;
  }

  schemaIdOf(value: Buffer): number {
    return value.length >= PREFIX_BYTES && value[0] === 0 ? value.readInt32BE(1) : -1;
  }

  async prepare(schemaId: number): Promise<void> {
    if (this.#writers.has(schemaId)) return;
    const type = await this.#registry.typeOf(schemaId);
    this.#writers.set(schemaId, this.#writerOf(schemaId, type));
  }

  decode(value: Buffer): T {
    const id = this.schemaIdOf(value);
    if (id < 0) throw unreadable('it is not in wire format');
    if (id !== this.#lastId) {
      this.#last = this.#writers.get(id);
      this.#lastId = this.#last ? id : -1;
    }
    const writer = this.#last;
    if (!writer || this.#lastId !== id) throw notPrepared(id);
    let decoded: { value: unknown; offset: number };
    try {
      decoded = writer.type.decode(value, PREFIX_BYTES, writer.resolver);
    } catch (error) {
      throw unreadable('it is not what its schema says', error);
    }
    // -1 when bytes are missing.
    if (decoded.offset !== value.length) throw unreadable('its length is not what its schema says');
    return decoded.value as T;
  }

  /** Also for equal schemas: they can differ in logical types, which only the resolver compares. */
  #writerOf(schemaId: number, writer: Type): Writer {
    const reader = this.#readerType;
    if (!reader) return { type: writer, resolver: undefined };
    try {
      return { type: reader, resolver: reader.createResolver(writer) };
    } catch (error) {
      throw new MillraceError({
        kind: 'data',
        code: 'MR-AVRO-UNREADABLE-SCHEMA',
        message: `Schema ${schemaId} cannot be read as ${reader.name ?? reader.typeName}.`,
        remedy: 'Compare the two schemas; the writer may be of another pipeline or generation.',
        cause: error,
      });
    }
  }
}

function unreadable(why: string, cause?: unknown): MillraceError {
  return new MillraceError({
    kind: 'data',
    code: 'MR-AVRO-UNREADABLE',
    message: `The value cannot be decoded: ${why}.`,
    remedy: 'Find out who writes to this topic.',
    cause,
  });
}

function notPrepared(id: number): MillraceError {
  return new MillraceError({
    kind: 'bug',
    code: 'MR-AVRO-NOT-PREPARED',
    message: `Schema ${id} was not prepared before decoding.`,
    remedy: 'Report this with the log around it.',
  });
}
