import type { Pipeline } from '@millrace/config';
import {
  DEAD_LETTER_SCHEMA,
  LEDGER_ENTRY_SCHEMA,
  LEDGER_TOPIC,
  ownType,
  ownTypeOptions,
  streamSchema,
  streamTypeOptions,
  TASK_SCHEMA,
  type Task,
  topics,
} from '@millrace/contracts';
import {
  createWireDecoder,
  createWireEncoder,
  type SchemaRegistry,
  type WireDecoder,
  type WireEncoder,
} from '@millrace/kafka';

/** One per process and pipeline: each encodes into a slab of its own. */
export interface Encoders {
  readonly raw: WireEncoder;
  readonly deadLetter: WireEncoder;
  readonly task: WireEncoder;
  readonly ledger: WireEncoder;
  readonly tasks: WireDecoder<Task>;
}

/** Registers the schemas of what ingest writes. */
export async function createEncoders(registry: SchemaRegistry, pipeline: Pipeline): Promise<Encoders> {
  const rawSchema = streamSchema(pipeline, 'raw', pipeline.record.fields);
  const own = (topic: string, schema: Parameters<typeof createWireEncoder>[2]): Promise<WireEncoder> =>
    createWireEncoder(registry, topic, schema, ownTypeOptions());
  const [raw, deadLetter, task, ledger] = await Promise.all([
    createWireEncoder(registry, topics.raw(pipeline), rawSchema, streamTypeOptions()),
    own(topics.deadLetters(pipeline), DEAD_LETTER_SCHEMA),
    own(topics.tasks(pipeline), TASK_SCHEMA),
    own(LEDGER_TOPIC, LEDGER_ENTRY_SCHEMA),
  ]);
  return { raw, deadLetter, task, ledger, tasks: createWireDecoder<Task>(registry, ownType(TASK_SCHEMA)) };
}
