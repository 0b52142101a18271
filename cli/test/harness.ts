import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AvroTypeOptions,
  LEDGER_DEFINITION,
  type LedgerEntry,
  type PipelineId,
} from '@millrace/contracts';
import { countRow, emptyTally, formatTally, loadSeed, systemClock } from '@millrace/core';
import {
  type AvroSchema,
  connectKafka,
  createSchemaRegistry,
  createWireEncoder,
  type KafkaClient,
  type SchemaRegistry,
} from '@millrace/kafka';
import { inject } from 'vitest';
import { createOutput } from '../src/session/output.ts';
import { Session } from '../src/session/session.ts';
import { NO_STYLE } from '../src/text/style.ts';

/** A pipeline of its own on the shared stack, with what a test needs to make topics up. */
export interface Scene {
  readonly pipeline: PipelineId;
  readonly folder: string;
  readonly kafka: KafkaClient;
  readonly registry: SchemaRegistry;
  readonly variables: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

const PIPELINE_FILE = (name: string): string => `
pipeline: ${name}
partitions: 2
source:
  sftp: { host: h, user: u, password: "\${SFTP_PASSWORD}", hostKey: "\${SFTP_HOST_KEY}" }
  files: [{ match: /in/*.csv, csv: { timestamp: iso } }]
record:
  key: [tagName]
  fields:
    tagName: { type: string }
    at: { type: timestamp }
    value: { type: int64 }
transform:
  dedupe: { key: [tagName, at], window: 1d }
sinks:
  table:
    postgres: { url: "\${DATABASE_URL}" }
    table: ${name.replaceAll('-', '_')}
    merge: { key: [tagName, at], version: [] }
`;

/** @param label part of the pipeline's name, for people who look at the broker */
export async function makeScene(label: string): Promise<Scene> {
  const stack = inject('stack');
  const name = `cli-${label}-${process.pid}-${Math.floor(performance.now())}`;
  const folder = await mkdtemp(join(tmpdir(), 'millrace-cli-'));
  await writeFile(join(folder, 'pipeline.yaml'), PIPELINE_FILE(name));
  const variables = { ...stack, MILLRACE_PIPELINES: folder, MILLRACE_INSTANCE: 'cli-test' };
  const deps = { clock: systemClock, random: Math.random, onEvent: () => undefined };
  const brokers = (stack.KAFKA_BROKERS ?? '').split(',');
  const kafka = await connectKafka({ brokers, clientId: 'cli-test' }, deps);
  const registry = createSchemaRegistry({ url: stack.SCHEMA_REGISTRY_URL ?? '' }, deps);
  await kafka.ensureTopics([LEDGER_DEFINITION]);
  return {
    pipeline: { name, generation: 1 },
    folder,
    kafka,
    registry,
    variables,
    async close() {
      await kafka.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface Ran {
  readonly out: string;
  readonly err: string;
}

/** Runs a command of the CLI in this process, with a session as `main` makes it. */
export async function runCommand(
  scene: Scene,
  action: (session: Session) => Promise<unknown>,
  options: { readonly json?: boolean; readonly signal?: AbortSignal } = {},
): Promise<Ran> {
  const texts = { out: '', err: '' };
  const streams = {
    stdout: {
      write(text: string) {
        texts.out += text;
      },
    },
    stderr: {
      write(text: string) {
        texts.err += text;
      },
    },
  };
  const session = new Session({
    variables: scene.variables,
    clock: systemClock,
    random: Math.random,
    output: createOutput(streams, options.json ?? false, NO_STYLE),
    signal: options.signal ?? new AbortController().signal,
  });
  try {
    await action(session);
  } finally {
    await session.close();
  }
  return texts;
}

/** A record to put into a topic: value in wire format under this schema, or as it is. */
export interface Made {
  readonly partition: number;
  readonly key: string | null;
  readonly value: unknown;
  readonly headers?: readonly (readonly [string, string])[];
}

export async function publish(
  { kafka, registry }: Scene,
  topic: string,
  schema: object | null,
  records: readonly Made[],
  typeOptions?: AvroTypeOptions,
): Promise<void> {
  const encoder = schema ? await createWireEncoder(registry, topic, schema as AvroSchema, typeOptions) : null;
  const outbox = kafka.newOutbox();
  for (const { partition, key, value, headers } of records) {
    const bytes = value === null ? null : encoder ? encoder.encode(value) : (value as Buffer);
    outbox.add(topic, partition, key, bytes, headers);
  }
  await kafka.produce(outbox, AbortSignal.timeout(20_000));
}

/** The tally of these rows of a load. */
export function tally(loadId: string, ...rows: readonly number[]): string {
  const sum = emptyTally();
  for (const row of rows) countRow(sum, loadSeed(loadId), row);
  return formatTally(sum);
}

/** Ledger entries of a load of five rows: one rejected by the transformer, one duplicate, three in the table. */
export function fiveRows(pipeline: string, loadId: string): LedgerEntry[] {
  const place = { pipeline, loadId, partition: 0, part: 0, at: Date.now() };
  const rows = (...ordinals: number[]): string => tally(loadId, ...ordinals);
  const none = { ingest: null, transform: null, sink: null, sinkStart: null };
  return [
    {
      ...place,
      ...none,
      stage: 'ingest',
      ingest: {
        source: pipeline,
        path: '/in/Übersicht.csv',
        size: 10,
        mtimeMs: 1_700_000_000_000,
        version: 1,
        state: 'published',
        rows: rows(1, 2, 3, 4, 5),
        published: rows(1, 2, 3, 4, 5),
        rejected: rows(),
        resolved: rows(),
        sha256: 'ab'.repeat(32),
        reason: null,
      },
    },
    {
      ...place,
      ...none,
      stage: 'transform',
      transform: {
        accepted: rows(1, 2, 3),
        duplicates: rows(4),
        filtered: rows(),
        rejected: rows(5),
        resolved: rows(),
        emitted: { clean: { tally: rows(1, 2, 3), first: { '0': 0 } } },
      },
    },
    {
      ...place,
      ...none,
      stage: 'sink.table',
      sink: {
        output: 'clean',
        applied: rows(1, 2, 3),
        inserted: 3,
        updated: 0,
        unchanged: 0,
        superseded: 0,
        rejected: rows(),
        resolved: rows(),
      },
    },
  ];
}
