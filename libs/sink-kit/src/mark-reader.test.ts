import { formatFileTime, formatMark, formatReplayMark, parseMark } from '@millrace/contracts';
import type { FetchedRecord } from '@millrace/kafka';
import { expect, it } from 'vitest';
import { MarkReader } from './mark-reader.ts';

function record(mark: string | null, time?: string): FetchedRecord {
  const header = (name: string) => {
    const text = name === 'm' ? mark : time;
    return text === null || text === undefined ? undefined : Buffer.from(text);
  };
  return { offset: 0, timestamp: 0, key: null, value: null, header, headers: () => [] };
}

it('reads the same as the full parser, whatever comes after what', () => {
  const a = 'aaaaaaaaaaaaaaaa';
  const marks = [
    ...[1, 35, 36, 36 ** 5 - 1, Number.MAX_SAFE_INTEGER].map((row) => formatMark(a, row)),
    formatMark('bbbbbbbbbbbbbbbb', 7),
    formatReplayMark({ loadId: 'bbbbbbbbbbbbbbbb', row: 8, attempt: 2, stage: 'sink.x' }),
    formatMark('bbbbbbbbbbbbbbbb', 9),
    'bbbbbbbbbbbbbbbb:',
    'bbbbbbbbbbbbbbbb:-1',
    'bbbbbbbbbbbbbbbb',
    'bbbb',
    formatMark(a, 3),
  ];
  const reader = new MarkReader();
  expect(marks.map((mark) => reader.read(record(mark)))).toEqual(marks.map((mark) => parseMark(mark)));
  expect(reader.read(record(null))).toBeNull();
});

it('reads each file time, also after one that is none', () => {
  const reader = new MarkReader();
  const times = [formatFileTime(5), formatFileTime(5), 'no time', formatFileTime(-6)];
  expect(times.map((time) => reader.fileTime(record('', time)))).toEqual([5, 5, null, -6]);
  expect(reader.fileTime(record(''))).toBeNull();
});
