import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatFileTime, formatMark, formatReplayMark, parseMark } from './mark.ts';
import { MarkReader, UNKNOWN_LOAD } from './mark-reader.ts';

const loadId = fc.constantFrom('a'.repeat(16), '0123456789abcdef', `${'a'.repeat(15)}b`);
const row = fc.oneof(fc.nat(), fc.constantFrom(35, 36, 36 ** 10 - 1, 36 ** 10, Number.MAX_SAFE_INTEGER - 1));
const text = fc.oneof(
  fc.tuple(loadId, row).map(([load, n]) => formatMark(load, n)),
  fc
    .tuple(loadId, row, fc.integer({ min: 2, max: 5 }))
    .map(([load, n, attempt]) => formatReplayMark({ loadId: load, row: n, attempt, stage: 'sink.x' })),
  fc.tuple(loadId, fc.string()).map(([load, rest]) => `${load}:${rest}`),
  fc.tuple(loadId, fc.string()).map(([load, rest]) => `${load}${rest}`),
  fc.string(),
);

describe('MarkReader', () => {
  it('reads what parseMark reads, in any sequence', () => {
    fc.assert(
      fc.property(fc.array(text), (texts) => {
        const reader = new MarkReader();
        for (const one of texts) expect(reader.read(Buffer.from(one, 'latin1'))).toEqual(parseMark(one));
      }),
    );
  });

  it('knows no mark without a header, nor under the load of the unknown', () => {
    const reader = new MarkReader();
    expect(reader.read(undefined)).toBeNull();
    expect(reader.read(null)).toBeNull();
    expect(reader.read(Buffer.from(formatMark(UNKNOWN_LOAD, 1)))).toBeNull();
    expect(reader.read(Buffer.from(`${UNKNOWN_LOAD}:2`))).toBeNull();
  });

  it('gives marks that outlive the next one', () => {
    const reader = new MarkReader();
    const marks = [1, 2, 3].map((n) => reader.read(Buffer.from(formatMark('a'.repeat(16), n))));
    expect(marks.map((mark) => mark?.row)).toEqual([1, 2, 3]);
  });

  it('reads each file time, also after one that is none', () => {
    const reader = new MarkReader();
    const times = [formatFileTime(5), formatFileTime(5), 'no time', formatFileTime(-6)];
    expect(times.map((time) => reader.fileTime(Buffer.from(time)))).toEqual([5, 5, null, -6]);
    expect(reader.fileTime(undefined)).toBeNull();
  });
});

it('a row number that our own records cannot hold is none: its dead letter could not be written', () => {
  const load = 'a'.repeat(16);
  expect(parseMark(formatMark(load, Number.MAX_SAFE_INTEGER))).toBeNull();
  expect(parseMark(formatMark(load, Number.MAX_SAFE_INTEGER - 1))).not.toBeNull();
});
