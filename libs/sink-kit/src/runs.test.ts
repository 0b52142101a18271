import { formatMark, formatReplayMark, MarkReader } from '@millrace/contracts';
import { MillraceError, type RecordValue } from '@millrace/core';
import type { FetchedBatch, FetchedRecord, WireDecoder } from '@millrace/kafka';
import { describe, expect, it } from 'vitest';
import { splitRuns } from './runs.ts';

const LOAD = '0123456789abcdef';

function record(offset: number, mark: string | null, text: string | null = '1'): FetchedRecord {
  return {
    offset,
    timestamp: 0,
    key: null,
    value: text === null ? null : Buffer.from(text),
    header: (name) => (name === 'm' && mark !== null ? Buffer.from(mark) : undefined),
    headers: () => [],
  };
}

function batchOf(...records: FetchedRecord[]): FetchedBatch {
  const nextOffset = (records.at(-1)?.offset ?? 0) + 2;
  return { topic: 't', partition: 0, records, nextOffset, highWatermark: nextOffset, bytes: 1 };
}

/** The first character of a value is its schema id; `!` cannot be read. */
const decoder: WireDecoder<RecordValue> = {
  schemaIdOf: (value) => (value.toString() === '!' ? -1 : Number(value.toString()[0])),
  decode: (value) => {
    if (value.toString() === '!') throw new MillraceError({ kind: 'data', code: 'X', message: 'x' });
    return { text: value.toString() };
  },
  prepare: async () => undefined,
};

const mark = (row: number) => formatMark(LOAD, row);
const replay = (row: number, stage: string) => formatReplayMark({ loadId: LOAD, row, attempt: 2, stage });

function split(batch: FetchedBatch, from: number, countedThrough: number) {
  const splitter = {
    stage: 'sink.mine',
    marks: new MarkReader(),
    decoder,
    check: (value: RecordValue) => (value.text === '1bad' ? { code: 'BAD', message: '' } : null),
  };
  return splitRuns(splitter, batch, from, countedThrough).map((run) => ({
    span: [run.from, run.to],
    counting: run.counting,
    rows: run.rows.map((row) => row.row),
    rejects: run.rejects.map((reject) => reject.reason.code),
  }));
}

describe('runs of a batch', () => {
  it('is one when nothing divides it, and reaches past the markers around it', () => {
    expect(split(batchOf(record(10, mark(1)), record(12, mark(2))), 9, 0)).toEqual([
      { span: [9, 14], counting: 'normal', rows: [1, 2], rejects: [] },
    ]);
    expect(split({ ...batchOf(), nextOffset: 20 }, 9, 0)).toEqual([]);
  });

  it('divides where counting begins after a rewind', () => {
    expect(split(batchOf(record(10, mark(1)), record(11, mark(2)), record(12, mark(3))), 10, 11)).toEqual([
      { span: [10, 11], counting: 'uncounted', rows: [1], rejects: [] },
      { span: [11, 14], counting: 'normal', rows: [2, 3], rejects: [] },
    ]);
  });

  it('counts replays by the stage that had rejected them', () => {
    const batch = batchOf(
      record(1, mark(1)),
      record(2, replay(2, 'sink.mine')),
      record(3, replay(3, 'sink.other')),
      record(4, replay(4, 'transform')),
    );
    expect(split(batch, 1, 0).map(({ counting, rows }) => [counting, rows])).toEqual([
      ['normal', [1]],
      ['resolved', [2]],
      ['uncounted', [3]],
      ['normal', [4]],
    ]);
  });

  it('keeps replays of its own rejects apart, also below what was counted, and few at a time', () => {
    const many = Array.from({ length: 600 }, (_, i) => record(i + 2, replay(i + 2, 'sink.mine')));
    const batch = batchOf(record(1, mark(1)), ...many, record(602, mark(602)));
    for (const [countedThrough, counting] of [
      [0, 'resolved'],
      [1_000, 'uncounted'],
    ] as const) {
      const runs = split(batch, 1, countedThrough);
      expect(runs.map(({ span }) => span)).toEqual([
        [1, 2],
        [2, 502],
        [502, 602],
        [602, 604],
      ]);
      expect(runs[1]?.counting).toBe(counting);
    }
  });

  it('divides by writer schema, and takes rejects along without dividing', () => {
    const batch = batchOf(
      record(1, mark(1), '1'),
      record(2, mark(2), '!'),
      record(3, mark(3), null),
      record(4, null, '1'),
      record(5, mark(5), '1bad'),
      record(6, mark(6), '2'),
    );
    expect(split(batch, 1, 0)).toEqual([
      {
        span: [1, 6],
        counting: 'normal',
        rows: [1],
        rejects: ['MR-SINK-UNREADABLE', 'MR-SINK-UNREADABLE', 'MR-SINK-NO-MARK', 'BAD'],
      },
      { span: [6, 8], counting: 'normal', rows: [6], rejects: [] },
    ]);
  });

  it('leaves out what lies before its position', () => {
    expect(split(batchOf(record(10, mark(1)), record(11, mark(2))), 11, 0)).toMatchObject([
      { span: [11, 13], rows: [2] },
    ]);
  });
});
