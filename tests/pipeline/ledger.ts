import {
  type ExpectedSinks,
  LEDGER_ENTRY_SCHEMA,
  LEDGER_PARTITIONS,
  LEDGER_TOPIC,
  type LedgerEntry,
  type LoadAccount,
  ownType,
  reconcile,
} from '@millrace/contracts';
import { systemClock } from '@millrace/core';
import { connectKafka, type KafkaClient } from '@millrace/kafka';

const LEDGER_TYPE = ownType(LEDGER_ENTRY_SCHEMA);
/** Zero byte and schema id in front of the Avro bytes. */
const WIRE_HEADER_BYTES = 5;

/** Reads the published account of one pipeline, as `millrace loads` does, without its command line. */
export interface Ledger {
  readonly kafka: KafkaClient;
  loads(sinks: ExpectedSinks): Promise<LoadAccount[]>;
  close(): Promise<void>;
}

export async function openLedger(env: Readonly<Record<string, string>>, pipeline: string): Promise<Ledger> {
  const kafka = await connectKafka(
    { brokers: (env.KAFKA_BROKERS ?? '').split(','), clientId: 'millrace-test' },
    { clock: systemClock, random: Math.random, onEvent: () => undefined },
  );
  const latest = new Map<string, LedgerEntry>();
  const next = new Array<number>(LEDGER_PARTITIONS).fill(0);

  async function readPartition(partition: number): Promise<void> {
    const options = { from: next[partition] ?? 0, signal: AbortSignal.timeout(20_000) };
    for await (const batch of kafka.readToEnd(LEDGER_TOPIC, partition, options)) {
      for (const record of batch.records) {
        const key = record.key?.toString() ?? '';
        if (!key.startsWith(`${pipeline}/`)) continue;
        if (record.value === null) latest.delete(key);
        else latest.set(key, LEDGER_TYPE.fromBuffer(Buffer.from(record.value.subarray(WIRE_HEADER_BYTES))));
      }
      next[partition] = batch.nextOffset;
    }
  }

  return {
    kafka,
    async loads(sinks) {
      await Promise.all(next.map((_, partition) => readPartition(partition)));
      return reconcile(latest.values(), () => sinks);
    },
    close: () => kafka.close(),
  };
}
