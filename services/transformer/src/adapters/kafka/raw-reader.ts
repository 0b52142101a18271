import type { Pipeline } from '@millrace/config';
import { streamSchema, streamType } from '@millrace/contracts';
import { MillraceError, type RecordValue } from '@millrace/core';
import {
  createWireDecoder,
  type FetchedRecord,
  type SchemaRegistry,
  type WireDecoder,
} from '@millrace/kafka';
import type { RawReader } from '../../ports.ts';

/** Told of each writer schema of the raw topic once, before its first record is read. */
export type OnWriterSchema = (schemaId: number, schema: unknown) => void;

/** Raw values in Avro wire format, read as the pipeline's record whatever schema they were written with. */
export class WireRawReader implements RawReader {
  readonly #registry: SchemaRegistry;
  readonly #decoder: WireDecoder<RecordValue>;
  readonly #onWriterSchema: OnWriterSchema;
  readonly #known = new Set<number>();

  constructor(
    pipeline: Pick<Pipeline, 'name' | 'generation' | 'record'>,
    registry: SchemaRegistry,
    onWriterSchema: OnWriterSchema,
  ) {
    this.#registry = registry;
    this.#onWriterSchema = onWriterSchema;
    const type = streamType(streamSchema(pipeline, 'raw', pipeline.record.fields));
    this.#decoder = createWireDecoder<RecordValue>(registry, type);
  }

  async prepare(records: readonly FetchedRecord[]): Promise<void> {
    let last = -1;
    for (const { value } of records) {
      if (value === null) continue;
      const schemaId = this.#decoder.schemaIdOf(value);
      if (schemaId === last || schemaId < 0 || this.#known.has(schemaId)) continue;
      last = schemaId;
      if (await this.#learn(schemaId)) this.#known.add(schemaId);
    }
  }

  /** False for a schema that is unknown or does not resolve: its records are unreadable. Else as `prepare`. */
  async #learn(schemaId: number): Promise<boolean> {
    try {
      await this.#decoder.prepare(schemaId);
      const writer = await this.#registry.typeOf(schemaId);
      this.#onWriterSchema(schemaId, writer.schema({ exportAttrs: true }));
      return true;
    } catch (error) {
      if (error instanceof MillraceError && error.kind === 'data') return false;
      throw error;
    }
  }

  read(value: Buffer): RecordValue {
    const schemaId = this.#decoder.schemaIdOf(value);
    if (schemaId >= 0 && !this.#known.has(schemaId)) throw unknownSchema(schemaId);
    return this.#decoder.decode(value);
  }
}

function unknownSchema(schemaId: number): MillraceError {
  return new MillraceError({
    kind: 'data',
    code: 'MR-TRANSFORM-SCHEMA',
    message: `schema ${schemaId} is unknown to the registry, or is none of this pipeline's records`,
    remedy: 'Find out who writes to the raw topic; replay the dead letters when the schema is known.',
  });
}
