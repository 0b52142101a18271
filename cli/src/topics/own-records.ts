import {
  DEAD_LETTER_SCHEMA,
  type DeadLetter,
  LEDGER_ENTRY_SCHEMA,
  LEDGER_TOPIC,
  type LedgerEntry,
  type LoadAccount,
  ledgerName,
  ownType,
  reconcile,
} from '@millrace/contracts';
import { createWireDecoder, type KafkaClient, type SchemaRegistry } from '@millrace/kafka';
import { expectedSinks } from '../account/expected-sinks.ts';
import type { Session } from '../session/session.ts';
import { type Folded, foldTopic } from './fold.ts';

function decoderOf<T>(registry: SchemaRegistry, schema: object): (value: Buffer) => Promise<T> {
  const decoder = createWireDecoder<T>(registry, ownType(schema));
  const prepared = new Set<number>();
  return async (value) => {
    const id = decoder.schemaIdOf(value);
    if (!prepared.has(id)) {
      await decoder.prepare(id);
      prepared.add(id);
    }
    return decoder.decode(value);
  };
}

/** The latest entry of each key in `millrace.ledger`. */
export async function readLedger(
  kafka: KafkaClient,
  registry: SchemaRegistry,
  signal: AbortSignal,
): Promise<LedgerEntry[]> {
  const decode = decoderOf<LedgerEntry>(registry, LEDGER_ENTRY_SCHEMA);
  return (await foldTopic(kafka, LEDGER_TOPIC, decode, signal)).map(({ value }) => value);
}

/** The dead letters that are still there, in the order in which each partition got them. */
export function readDeadLetters(
  kafka: KafkaClient,
  registry: SchemaRegistry,
  topic: string,
  signal: AbortSignal,
): Promise<Folded<DeadLetter>[]> {
  return foldTopic(kafka, topic, decoderOf<DeadLetter>(registry, DEAD_LETTER_SCHEMA), signal);
}

/** Every load of the ledger, reconciled against the sinks of the pipeline files. */
export async function readLoads(session: Session): Promise<LoadAccount[]> {
  const entries = await readLedger(await session.kafka(), session.ownRegistry(), session.signal);
  return accountsOf(session, entries);
}

export function accountsOf(session: Session, entries: readonly LedgerEntry[]): LoadAccount[] {
  const files = new Map(
    session
      .pipelines()
      .map((pipeline) => [
        ledgerName(pipeline),
        pipeline.sinks.map((sink) => ({ name: sink.name, output: sink.output })),
      ]),
  );
  return reconcile(entries, expectedSinks(files, entries));
}
