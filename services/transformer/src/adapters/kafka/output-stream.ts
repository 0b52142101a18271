import type { OutputDef, Pipeline } from '@millrace/config';
import { streamSchema, streamType, streamTypeOptions, topics } from '@millrace/contracts';
import type { RecordValue } from '@millrace/core';
import {
  createWireEncoder,
  type FetchedRecord,
  type SchemaRegistry,
  type WireEncoder,
} from '@millrace/kafka';

const ID_AT = 1;
const BODY_AT = 5;

/** One output: its topic and the encoding of its records. */
export class OutputStream {
  readonly topic: string;
  readonly #encoder: WireEncoder;
  /** The fields of the output's schema as canonical JSON; null when some are computed. */
  readonly #fields: string | null;
  readonly #reusable = new Set<number>();
  #scratch = Buffer.allocUnsafe(4096);

  constructor(topic: string, encoder: WireEncoder, fields: string | null) {
    this.topic = topic;
    this.#encoder = encoder;
    this.#fields = fields;
  }

  /** Registers the output's schema under `<topic>-value`. */
  static async open(
    pipeline: Pick<Pipeline, 'name' | 'generation'>,
    output: OutputDef,
    untouched: boolean,
    registry: SchemaRegistry,
  ): Promise<OutputStream> {
    const topic = topics.output(pipeline, output.name);
    const schema = streamSchema(pipeline, output.name, output.fields);
    const encoder = await createWireEncoder(registry, topic, schema, streamTypeOptions());
    return new OutputStream(
      topic,
      encoder,
      untouched ? fieldsOf(streamType(schema).schema({ exportAttrs: true })) : null,
    );
  }

  /** Bodies written with this schema go out as they are when its fields are the output's, one by one. */
  learnWriterSchema(schemaId: number, schema: unknown): void {
    if (this.#fields !== null && fieldsOf(schema) === this.#fields) this.#reusable.add(schemaId);
  }

  /** The output's value, a view that the next call may overwrite. */
  encode(value: RecordValue, from: FetchedRecord): Buffer {
    const raw = from.value;
    if (this.#fields === null || raw === null || !this.#reusable.has(raw.readInt32BE(ID_AT)))
      return this.#encoder.encode(value);
    if (raw.length > this.#scratch.length) this.#scratch = Buffer.allocUnsafe(raw.length * 2);
    const scratch = this.#scratch;
    scratch[0] = 0;
    scratch.writeInt32BE(this.#encoder.schemaId, ID_AT);
    raw.copy(scratch, BODY_AT, BODY_AT);
    return scratch.subarray(0, raw.length);
  }
}

/** Names, types, logical types and order of the fields: what decides the Avro bytes of a record. */
function fieldsOf(schema: unknown): string | null {
  if (typeof schema !== 'object' || schema === null || !('fields' in schema)) return null;
  return JSON.stringify(schema.fields);
}
