import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import type { Pipeline } from '@millrace/config';
import { cataloguedPipeline } from '@millrace/config';
import {
  DEAD_LETTER_SCHEMA,
  type DeadLetter,
  formatMark,
  LEDGER_DEFINITION,
  LEDGER_ENTRY_SCHEMA,
  LEDGER_TOPIC,
  type LedgerEntry,
  ownType,
  pipelineTopics,
  streamSchema,
  streamType,
  streamTypeOptions,
  topics,
} from '@millrace/contracts';
import { ByteBudget, partitionFor, type RecordValue, systemClock } from '@millrace/core';
import {
  connectKafka,
  createSchemaRegistry,
  createWireDecoder,
  createWireEncoder,
  type FetchedRecord,
  type KafkaClient,
  type KafkaEvent,
  type SchemaRegistry,
  type WireEncoder,
} from '@millrace/kafka';
import { type Service, spawnService, waitFor } from '@millrace/testkit';
import { Kafka, logLevel } from 'kafkajs';
import { inject } from 'vitest';
import { startTransformHost } from '../src/adapters/kafka/transform-host.ts';
import type { TransformEvent } from '../src/events.ts';

/** A row on its way into the raw topic. */
export interface RawRow {
  readonly load: string;
  readonly row: number;
  readonly value: RecordValue;
  /** Instead of the mark made of load and row; null for none. */
  readonly mark?: string | null;
  /** Instead of the encoded value. */
  readonly bytes?: Buffer | null;
  readonly partition?: number;
}

export interface OutputRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly mark: string;
  readonly fileTime: string;
  readonly value: RecordValue;
  readonly bytes: Buffer;
}

export interface Running extends AsyncDisposable {
  readonly events: readonly TransformEvent[];
  readonly clientEvents: readonly KafkaEvent[];
  readonly host: Awaited<ReturnType<typeof startTransformHost>>['host'];
  stop(): Promise<void>;
}

/** What one run sees differently. */
export interface World {
  readonly registryUrl?: string;
  /** What it may hold in memory; a test that holds all of it stops the work between two batches. */
  readonly byteBudget?: ByteBudget;
}

const FOREVER = new AbortController().signal;
let names = 0;

/** A client of the test run's Kafka and registry, and what the tests do with them. */
export class Harness {
  readonly brokers: string;
  readonly registryUrl: string;
  readonly kafka: KafkaClient;
  readonly registry: SchemaRegistry;
  readonly #encoders = new Map<string, WireEncoder>();

  private constructor(brokers: string, registryUrl: string, kafka: KafkaClient) {
    this.brokers = brokers;
    this.registryUrl = registryUrl;
    this.kafka = kafka;
    this.registry = registryOf(registryUrl);
  }

  static async start(): Promise<Harness> {
    const { KAFKA_BROKERS = '', SCHEMA_REGISTRY_URL = '' } = inject('stack');
    return new Harness(KAFKA_BROKERS, SCHEMA_REGISTRY_URL, await connect(KAFKA_BROKERS, []));
  }

  stop(): Promise<void> {
    return this.kafka.close();
  }

  /** A name that no other test uses: the stack is shared. */
  name(): string {
    names += 1;
    return `transformed-${names}`;
  }

  async create(pipeline: Pipeline): Promise<void> {
    await this.kafka.ensureTopics([...pipelineTopics(cataloguedPipeline(pipeline)), LEDGER_DEFINITION]);
  }

  async #encoder(pipeline: Pipeline): Promise<WireEncoder> {
    const topic = topics.raw(pipeline);
    const known = this.#encoders.get(topic);
    if (known) return known;
    const schema = streamSchema(pipeline, 'raw', pipeline.record.fields);
    const encoder = await createWireEncoder(this.registry, topic, schema, streamTypeOptions());
    this.#encoders.set(topic, encoder);
    return encoder;
  }

  /** What the first `publish` does by itself. */
  async register(pipeline: Pipeline): Promise<void> {
    await this.#encoder(pipeline);
  }

  async publish(pipeline: Pipeline, rows: readonly RawRow[]): Promise<void> {
    const encoder = await this.#encoder(pipeline);
    const outbox = this.kafka.newOutbox();
    for (const one of rows) {
      const key = Buffer.from(String(one.value.tag));
      const mark = one.mark === undefined ? formatMark(one.load, one.row) : one.mark;
      const bytes = one.bytes === undefined ? encoder.encode(one.value) : one.bytes;
      const headers: [string, string][] = mark === null ? [] : [['m', mark]];
      outbox.add(topics.raw(pipeline), one.partition ?? partitionFor(key, pipeline.partitions), key, bytes, [
        ...headers,
        ['t', 'mb3k2x9c'],
      ]);
    }
    await this.kafka.produce(outbox, FOREVER);
  }

  /** What retention does, at once: deletes what lies below `before` in partition 0 of the raw topic. */
  async deleteRaw(pipeline: Pipeline, before: number): Promise<void> {
    const topic = topics.raw(pipeline);
    const brokers = this.brokers.split(',');
    const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      // Loads its metadata.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(before) }] });
    } finally {
      await admin.disconnect();
    }
  }

  /** Runs the transformer in this process, with a client of its own. */
  async run(pipeline: Pipeline, world: World = {}): Promise<Running> {
    const events: TransformEvent[] = [];
    const clientEvents: KafkaEvent[] = [];
    const kafka = await connect(this.brokers, clientEvents);
    const { host } = await startTransformHost(pipeline, {
      instance: 'test',
      kafka,
      registry: registryOf(world.registryUrl ?? this.registryUrl),
      clock: systemClock,
      byteBudget: world.byteBudget ?? new ByteBudget(64 << 20),
      emit: (event) => events.push(event),
    });
    let stopped: Promise<void> | null = null;
    const stop = (): Promise<void> => {
      stopped ??= host.stop().then(() => kafka.close());
      return stopped;
    };
    return { events, clientEvents, host, stop, [Symbol.asyncDispose]: stop };
  }

  /** Runs it as a process of its own, to be killed. */
  spawn(pipeline: Pipeline, env: Readonly<Record<string, string>> = {}): Service {
    const { name, partitions, transform } = pipeline;
    return spawnService({
      entry: join(import.meta.dirname, 'transformer-process.ts'),
      args: [JSON.stringify({ name, partitions, transform })],
      env: {
        KAFKA_BROKERS: this.brokers,
        SCHEMA_REGISTRY_URL: this.registryUrl,
        ...env,
      },
    });
  }

  /** Resolves when the state topic says that every raw record has been passed. */
  async caughtUp(pipeline: Pipeline, deadlineMs = 60_000): Promise<void> {
    await waitFor(
      async () => {
        const state = await this.state(pipeline);
        for (let p = 0; p < pipeline.partitions; p += 1) {
          const { highWatermark } = await this.kafka.offsets(topics.raw(pipeline), p);
          const text = state.get(`${p} next`);
          const next = text === undefined ? 0 : (JSON.parse(text) as { next: number }).next;
          if (next < highWatermark) return false;
        }
        return true;
      },
      { what: `${pipeline.name} to be transformed`, deadlineMs },
    );
  }

  /** Live records of the state topic: `<partition> <key>` → value as text. */
  async state(pipeline: Pipeline): Promise<Map<string, string>> {
    const live = new Map<string, string>();
    await this.#each(topics.state(pipeline, 'transform'), pipeline.partitions, (partition, record) => {
      const key = `${partition} ${record.key?.toString()}`;
      if (record.value === null) live.delete(key);
      else live.set(key, record.value.toString());
    });
    return live;
  }

  async output(pipeline: Pipeline, name: string): Promise<OutputRecord[]> {
    const output = pipeline.transform.outputs.find((one) => one.name === name);
    const type = streamType(streamSchema(pipeline, name, output?.fields ?? []));
    const decoder = createWireDecoder<RecordValue>(this.registry, type);
    const values: OutputRecord[] = [];
    const pending: Promise<void>[] = [];
    await this.#each(topics.output(pipeline, name), pipeline.partitions, (partition, record) => {
      const bytes = Buffer.from(record.value ?? []);
      const rest = {
        partition,
        offset: record.offset,
        key: record.key?.toString() ?? '',
        mark: record.header('m')?.toString() ?? '',
        fileTime: record.header('t')?.toString() ?? '',
        bytes,
      };
      pending.push(
        decoder.prepare(decoder.schemaIdOf(bytes)).then(() => {
          values.push({ ...rest, value: { ...decoder.decode(bytes) } });
        }),
      );
    });
    await Promise.all(pending);
    return values;
  }

  deadLetters(pipeline: Pipeline): Promise<DeadLetter[]> {
    return this.#own<DeadLetter>(topics.deadLetters(pipeline), pipeline.partitions, DEAD_LETTER_SCHEMA);
  }

  /** The latest ledger entries of this pipeline. */
  async ledger(pipeline: Pipeline): Promise<LedgerEntry[]> {
    const all = await this.#own<LedgerEntry>(LEDGER_TOPIC, LEDGER_DEFINITION.partitions, LEDGER_ENTRY_SCHEMA);
    const latest = new Map<string, LedgerEntry>();
    for (const entry of all)
      if (entry.pipeline === pipeline.name)
        latest.set(`${entry.loadId}/${entry.stage}/${entry.partition}/${entry.part}`, entry);
    return [...latest.values()];
  }

  async #own<T>(topic: string, partitions: number, schema: object): Promise<T[]> {
    const type = ownType(schema);
    const values: T[] = [];
    await this.#each(topic, partitions, (_partition, record) => {
      // Our own schemas have one version so far: the id need not be asked for.
      if (record.value !== null) values.push(type.fromBuffer(Buffer.from(record.value.subarray(5))) as T);
    });
    return values;
  }

  async #each(
    topic: string,
    partitions: number,
    take: (partition: number, record: FetchedRecord) => void,
  ): Promise<void> {
    for (let p = 0; p < partitions; p += 1)
      for await (const batch of this.kafka.readToEnd(topic, p, { signal: FOREVER }))
        for (const record of batch.records) take(p, record);
  }
}

function registryOf(url: string): SchemaRegistry {
  return createSchemaRegistry({ url }, { clock: systemClock });
}

function connect(bootstrap: string, events: KafkaEvent[]): Promise<KafkaClient> {
  return connectKafka(
    { brokers: bootstrap.split(','), clientId: 'transformer-test' },
    { clock: systemClock, random: Math.random, onEvent: (event) => events.push(event) },
  );
}
