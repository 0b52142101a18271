import { cataloguedPipeline, type Pipeline, type SinkDef } from '@millrace/config';
import {
  DEAD_LETTER_SCHEMA,
  type DeadLetter,
  formatFileTime,
  formatMark,
  LEDGER_DEFINITION,
  LEDGER_ENTRY_SCHEMA,
  LEDGER_TOPIC,
  type LedgerEntry,
  ledgerKey,
  ownType,
  pipelineTopics,
  streamSchema,
  streamTypeOptions,
  topics,
} from '@millrace/contracts';
import { ByteBudget, partitionFor, type RecordValue, systemClock } from '@millrace/core';
import {
  connectKafka,
  createSchemaRegistry,
  createWireEncoder,
  type FetchedRecord,
  type KafkaClient,
  type SchemaRegistry,
  type WireEncoder,
} from '@millrace/kafka';
import type { RunningSink, SinkEvent } from '@millrace/sink-kit';
import { waitFor } from '@millrace/testkit';
import { startSinkPipeline } from '../src/pipeline.ts';

export interface OutputRow {
  readonly load: string;
  readonly row: number;
  readonly value: RecordValue;
  readonly fileTime?: number;
  /** Instead of the mark of load and row; null for none. */
  readonly mark?: string | null;
  /** Instead of the encoded value. */
  readonly bytes?: Buffer | null;
}

export interface RunningInTest extends AsyncDisposable {
  readonly events: readonly SinkEvent[];
  readonly sink: RunningSink;
  stop(): Promise<void>;
}

export interface StackAddresses {
  readonly brokers: string;
  readonly registryUrl: string;
}

const FOREVER = new AbortController().signal;
/** One send; its encoded batches stay below the broker's limit. */
const SEND_RECORDS = 20_000;

/** A client of a real Kafka and registry: plays the transformer, and runs sinks in this process. */
export class Harness {
  readonly kafka: KafkaClient;
  readonly registry: SchemaRegistry;
  readonly #addresses: StackAddresses;
  readonly #encoders = new Map<string, WireEncoder>();

  private constructor(addresses: StackAddresses, kafka: KafkaClient) {
    this.#addresses = addresses;
    this.kafka = kafka;
    this.registry = createSchemaRegistry({ url: addresses.registryUrl }, { clock: systemClock });
  }

  static async start(addresses: StackAddresses): Promise<Harness> {
    return new Harness(addresses, await connect(addresses.brokers));
  }

  stop(): Promise<void> {
    return this.kafka.close();
  }

  async create(pipeline: Pipeline): Promise<void> {
    await this.kafka.ensureTopics([...pipelineTopics(cataloguedPipeline(pipeline)), LEDGER_DEFINITION]);
  }

  /** Publishes to the output `clean`, as the transformer would. */
  async publish(pipeline: Pipeline, rows: Iterable<OutputRow>): Promise<void> {
    const topic = topics.output(pipeline, 'clean');
    const encoder = await this.#encoder(pipeline, topic);
    const outbox = this.kafka.newOutbox();
    for (const one of rows) {
      const key = Buffer.from(String(one.value.tag));
      const mark = one.mark === undefined ? formatMark(one.load, one.row) : one.mark;
      const headers: [string, string][] = [['t', formatFileTime(one.fileTime ?? 1_000)]];
      if (mark !== null) headers.unshift(['m', mark]);
      const bytes = one.bytes === undefined ? encoder.encode(one.value) : one.bytes;
      outbox.add(topic, partitionFor(key, pipeline.partitions), key, bytes, headers);
      if (outbox.count < SEND_RECORDS) continue;
      await this.kafka.produce(outbox, FOREVER);
      outbox.clear();
    }
    if (outbox.count > 0) await this.kafka.produce(outbox, FOREVER);
  }

  async #encoder(pipeline: Pipeline, topic: string): Promise<WireEncoder> {
    const known = this.#encoders.get(topic);
    if (known) return known;
    const schema = streamSchema(pipeline, 'clean', pipeline.transform.outputs[0]?.fields ?? []);
    const encoder = await createWireEncoder(this.registry, topic, schema, streamTypeOptions());
    this.#encoders.set(topic, encoder);
    return encoder;
  }

  /** Runs the pipeline's sink in this process, with a Kafka client of its own. */
  async run(pipeline: Pipeline, sink: SinkDef, onEvent?: (event: SinkEvent) => void): Promise<RunningInTest> {
    const events: SinkEvent[] = [];
    const kafka = await connect(this.#addresses.brokers);
    const registry = createSchemaRegistry({ url: this.#addresses.registryUrl }, { clock: systemClock });
    const context = {
      instance: 'test',
      kafka,
      registry,
      clock: systemClock,
      byteBudget: new ByteBudget(256 << 20),
    };
    const running = await startSinkPipeline(pipeline, sink, context, (event) => {
      events.push(event);
      onEvent?.(event);
    });
    let stopped: Promise<void> | null = null;
    const stop = (): Promise<void> => {
      stopped ??= running.host.stop().then(() => kafka.close());
      return stopped;
    };
    return { events, sink: running, stop, [Symbol.asyncDispose]: stop };
  }

  async deadLetters(pipeline: Pipeline): Promise<DeadLetter[]> {
    const type = ownType(DEAD_LETTER_SCHEMA);
    const letters: DeadLetter[] = [];
    await this.#each(topics.deadLetters(pipeline), pipeline.partitions, ({ value }) => {
      if (value !== null) letters.push(type.fromBuffer(Buffer.from(value.subarray(5))) as DeadLetter);
    });
    return letters;
  }

  /** The latest ledger entry of each key of this pipeline. */
  async ledger(pipeline: Pipeline): Promise<LedgerEntry[]> {
    const type = ownType(LEDGER_ENTRY_SCHEMA);
    const latest = new Map<string, LedgerEntry>();
    await this.#each(LEDGER_TOPIC, LEDGER_DEFINITION.partitions, ({ value }) => {
      if (value === null) return;
      const entry = type.fromBuffer(Buffer.from(value.subarray(5))) as LedgerEntry;
      if (entry.pipeline === pipeline.name) latest.set(ledgerKey(entry), entry);
    });
    return [...latest.values()];
  }

  /** Resolves when the sink has passed everything that is in the output now. */
  async caughtUp(pipeline: Pipeline, next: () => Promise<ReadonlyMap<number, number>>, deadlineMs = 60_000) {
    const topic = topics.output(pipeline, 'clean');
    await waitFor(
      async () => {
        const positions = await next();
        for (let p = 0; p < pipeline.partitions; p += 1) {
          const { highWatermark } = await this.kafka.offsets(topic, p);
          if ((positions.get(p) ?? 0) < highWatermark) return false;
        }
        return true;
      },
      { what: `${pipeline.name} to be in the database`, deadlineMs },
    );
  }

  async #each(topic: string, partitions: number, take: (record: FetchedRecord) => void): Promise<void> {
    for (let p = 0; p < partitions; p += 1)
      for await (const batch of this.kafka.readToEnd(topic, p, { signal: FOREVER }))
        for (const record of batch.records) take(record);
  }
}

function connect(brokers: string): Promise<KafkaClient> {
  const deps = { clock: systemClock, random: Math.random, onEvent: () => undefined };
  return connectKafka({ brokers: brokers.split(','), clientId: 'sql-sink-test' }, deps);
}
