import {
  type DeadLetter,
  deadLetterKey,
  deadLetterOf,
  type IngestCounts,
  type RejectedRecord,
} from '@millrace/contracts';
import { partitionFor } from '@millrace/core';
import { describe, expect, test } from 'vitest';
import { NO_STYLE } from '../text/style.ts';
import { Fold, type Folded } from '../topics/fold.ts';
import { letterTable } from './present.ts';
import { planReplay, type ReplayTopics } from './replay-plan.ts';
import { missingKeys, select } from './selection.ts';

const LOAD = '0123456789abcdef';
const TOPICS: ReplayTopics = {
  tasks: 'h.tasks',
  raw: 'h.raw',
  outputOfSink: new Map([['tagdata', 'h.clean']]),
  partitions: 8,
};
const FILE: IngestCounts = {
  source: 'h',
  path: '/exports/a.csv',
  size: 9,
  mtimeMs: 36 ** 3,
  version: 2,
  state: 'published',
  rows: '',
  published: '',
  rejected: '',
  resolved: '',
  sha256: null,
  reason: null,
};

function letter(over: Partial<RejectedRecord>): Folded<DeadLetter> {
  const value = deadLetterOf({
    pipeline: 'h',
    mark: { loadId: LOAD, row: 36, attempt: 1, stage: '' },
    stage: 'transform',
    reason: { code: 'MR-ROW-X', message: 'bad' },
    original: Buffer.from('original'),
    encoding: 'avro',
    rejectedAt: 0,
    kafka: { topic: 'h.raw', partition: 3, offset: 7, key: Buffer.from('T1') },
    ...over,
  });
  return { partition: 3, offset: 0, timestamp: 0, key: deadLetterKey(value), value };
}

const fromSource = (over: Partial<RejectedRecord> = {}): Folded<DeadLetter> => {
  const { value, ...rest } = letter({ stage: 'ingest', encoding: 'utf-8', ...over });
  const atSource = { ...value, topic: null, partition: null, offset: null, recordKey: null, sourceLine: 37 };
  return { ...rest, value: atSource, key: deadLetterKey(atSource) };
};

const plan = (one: Folded<DeadLetter>, file: IngestCounts | undefined = FILE) =>
  planReplay([one], TOPICS, () => file, 5);

describe('replay', () => {
  test('of a transform reject goes back to where it was read, as its next attempt', () => {
    expect(plan(letter({})).steps).toMatchObject([
      {
        topic: 'h.raw',
        partition: 3,
        key: Buffer.from('T1'),
        value: { kind: 'bytes', bytes: Buffer.from('original') },
        headers: [
          ['m', `${LOAD}:10:2:transform`],
          ['t', '1000'],
        ],
      },
    ]);
  });

  test('of a sink reject goes to the output that the sink takes', () => {
    const [step] = plan(
      letter({
        stage: 'sink.tagdata',
        mark: { loadId: LOAD, row: 1, attempt: 2, stage: 'sink.tagdata' },
        kafka: { topic: 'h.clean', partition: 1, offset: 0, key: null },
      }),
    ).steps;
    expect(step).toMatchObject({ topic: 'h.clean', partition: 1, key: null });
    expect(step?.headers[0]).toEqual(['m', `${LOAD}:1:3:sink.tagdata`]);
  });

  test('of a source reject is a task of the file, in the partition of its path', () => {
    const [step] = plan(fromSource()).steps;
    expect(step).toMatchObject({
      topic: 'h.tasks',
      key: 'h//exports/a.csv',
      partition: partitionFor(Buffer.from('h//exports/a.csv'), 8),
      headers: [['m', `${LOAD}:10:2:ingest`]],
      value: {
        kind: 'task',
        task: {
          loadId: LOAD,
          path: '/exports/a.csv',
          version: 2,
          issuedAt: 5,
          replay: { row: 36, line: 37, attempt: 2, header: null, original: Buffer.from('original') },
        },
      },
    });
  });

  test('is refused, with the reason, where it cannot be', () => {
    const refusal = (one: Folded<DeadLetter>, file?: IngestCounts) => plan(one, file).refusals[0]?.reason;
    expect(refusal(letter({ original: Buffer.alloc(300 * 1024) }), FILE)).toMatch(
      /307200 bytes was too long/,
    );
    expect(planReplay([letter({})], TOPICS, () => undefined, 0).refusals[0]?.reason).toMatch(
      /not in the ledger/,
    );
    expect(refusal(letter({ stage: 'sink.gone' }), FILE)).toMatch(/no stage sink.gone/);
    const elsewhere = { topic: 'h.g2.raw', partition: 1, offset: 0, key: null };
    expect(refusal(letter({ kafka: elsewhere }), FILE)).toMatch(/comes from h.g2.raw/);
    expect(refusal(letter({ kafka: { ...elsewhere, topic: 'h.raw', partition: 8 } }), FILE)).toBeDefined();
  });
});

describe('selection', () => {
  const letters = [letter({}), fromSource(), letter({ stage: 'sink.tagdata' })];

  test('narrows by load, reason, stage and key', () => {
    expect(select(letters, {})).toHaveLength(3);
    expect(select(letters, { stage: 'sink' })).toEqual([letters[2]]);
    expect(select(letters, { stage: 'in' })).toEqual([]);
    expect(select(letters, { reason: 'MR-ROW-Y' })).toEqual([]);
    expect(select(letters, { load: 'x' })).toEqual([]);
    expect(select(letters, { keys: [letters[1]?.key ?? ''] })).toEqual([letters[1]]);
  });

  test('names keys that are not there', () => {
    expect(missingKeys(letters, [letters[0]?.key ?? '', 'other'])).toEqual(['other']);
  });
});

describe('fold', () => {
  test('keeps the latest of each key and forgets what was deleted', () => {
    const fold = new Fold<string>();
    const record = (key: string | null, offset: number) => ({
      key: key === null ? null : Buffer.from(key),
      offset,
      timestamp: 0,
    });
    fold.put(1, record('a', 0), 'a0');
    fold.put(1, record('b', 1), 'b1');
    fold.put(1, record('a', 2), 'a2');
    fold.put(1, record('b', 3), null);
    fold.put(1, record(null, 4), 'no key');
    expect(fold.values()).toEqual([{ partition: 1, offset: 2, timestamp: 0, key: 'a', value: 'a2' }]);
  });
});

test('a letter of the transformer is shown with the file of its load', () => {
  const [titles, line] = letterTable([letter({})], new Map([[LOAD, FILE.path]]), Date.now(), NO_STYLE);
  expect(titles).toMatch(/^LOAD +FILE +LINE +ROW/);
  expect(line).toMatch(/^0123456789abcdef {2}\/exports\/a\.csv +36 /);
});
