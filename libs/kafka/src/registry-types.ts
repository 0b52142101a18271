import type { Type } from 'avsc';

/** A schema as an Avro JSON object. */
export type AvroSchema = {
  readonly type: 'record';
  readonly name: string;
  readonly fields: readonly unknown[];
} & Record<string, unknown>;

export interface RegistrySettings {
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
}

/**
 * Schemas by id and subject. Single flight per key, negative cache for unknown ids.
 * Errors: `transient` (registry away, 5xx), `data` (unknown id, not wire format), `halt` (incompatible schema).
 */
export interface SchemaRegistry {
  /** Registers (or finds) the schema under `<topic>-value` and returns its id. */
  register(topic: string, schema: AvroSchema): Promise<number>;
  /** The writer's type of an id; logical types as in `libs/contracts`. */
  typeOf(id: number): Promise<Type>;
}

/**
 * Confluent wire format on one topic: a zero byte, the schema id as 4 bytes big endian, Avro binary.
 * `encode` returns a view into a slab that the next `encode` overwrites.
 */
export interface WireEncoder {
  readonly schemaId: number;
  encode(value: unknown): Buffer;
}

/** Reads wire format into the reader's type, resolving each writer schema once. */
export interface WireDecoder<T> {
  /** Synchronous when the writer's schema is known; call `prepare` first. Throws `data` on anything unreadable. */
  decode(value: Buffer): T;
  /** Schema id of a value, or -1 when it is not wire format. */
  schemaIdOf(value: Buffer): number;
  /** Loads the writer schema of this id if it is new. */
  prepare(schemaId: number): Promise<void>;
}
