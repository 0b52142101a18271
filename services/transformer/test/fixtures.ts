import { type Pipeline, type RuleDef, Secret, type TransformDef } from '@millrace/config';
import type { FieldType, RecordValue } from '@millrace/core';
import type { FetchedBatch, FetchedRecord } from '@millrace/kafka';

const STRING: FieldType = { kind: 'string' };

export function cel(text: string) {
  return { text, at: { file: 'plant.yaml', line: 7, column: 11 } };
}

export function rule(action: RuleDef['action'], code: string, when: string): RuleDef {
  return { action, code, when: cel(when), message: `rule ${code}` };
}

const TAG = { name: 'tag', type: STRING, optional: false } as const;
const TIME = { name: 'time', type: { kind: 'timestamp' }, optional: false } as const;
const VALUE = { name: 'value', type: { kind: 'float64' }, optional: false } as const;
const NOTE = { name: 'note', type: STRING, optional: true } as const;

/** A pipeline as the historian example has it: tag, time, value, and an optional note. */
export function pipelineOf(
  transform: Partial<TransformDef> = {},
  rest: Partial<Pick<Pipeline, 'name' | 'partitions' | 'layoutHash' | 'record'>> = {},
): Pipeline {
  return {
    name: 'plant',
    file: 'plant.yaml',
    description: '',
    generation: 1,
    partitions: 2,
    retentionMs: 86_400_000,
    hash: '0'.repeat(16),
    layoutHash: 'layout-1',
    source: {
      kind: 'files',
      name: 'plant',
      sftp: {
        host: 'localhost',
        port: 22,
        user: 'u',
        auth: { kind: 'password', password: new Secret('p') },
        hostKeys: [],
        connections: 1,
        connectTimeoutMs: 1000,
        idleTimeoutMs: 1000,
      },
      files: [],
      pollMs: 1000,
      stableForMs: 0,
      archive: null,
      spool: false,
      onTruncation: 'halt',
    },
    record: {
      key: ['tag'],
      fields: [
        { ...TAG, from: 'Tag' },
        { ...TIME, from: 'Time' },
        { ...VALUE, from: 'Value' },
        { ...NOTE, from: 'Note' },
      ],
    },
    transform: {
      rules: [],
      compute: [],
      dedupe: { key: ['tag', 'time'], windowMs: 3_600_000 },
      outputs: [{ name: 'clean', when: null, key: ['tag'], fields: [TAG, TIME, VALUE, NOTE] }],
      onTruncation: 'halt',
      ...transform,
    },
    sinks: [],
    ...rest,
  };
}

/** A second output next to `clean`, with a field less. */
export const ALARMS = {
  name: 'alarms',
  when: cel('value > 90.0'),
  key: ['tag'],
  fields: [TAG, TIME, VALUE],
} as const;

export function row(tag: string, time: number, value: number, note: string | null = null): RecordValue {
  return { tag, time, value, note };
}

/** A fetched record in memory. */
export function fetched(
  offset: number,
  mark: string | null,
  value: Buffer | null,
  timestamp = 1_700_000_000_000,
): FetchedRecord {
  const header = mark === null ? undefined : Buffer.from(mark);
  return {
    offset,
    timestamp,
    key: null,
    value,
    header: (name) => (name === 'm' ? header : undefined),
    headers: () => (header === undefined ? [] : [['m', header]]),
  };
}

export function batchOf(records: readonly FetchedRecord[]): FetchedBatch {
  const next = (records.at(-1)?.offset ?? -1) + 1;
  return {
    topic: 'plant.raw',
    partition: 0,
    records,
    nextOffset: next,
    highWatermark: next,
    bytes: records.length * 100,
  };
}
