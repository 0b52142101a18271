import { formatMark, formatReplayMark, parseMark } from '@millrace/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MarkReader, UNKNOWN_LOAD } from './mark-reader.ts';

const loadId = fc.constantFrom('a'.repeat(16), '0123456789abcdef', `${'a'.repeat(15)}b`);
const text = fc.oneof(
  fc.tuple(loadId, fc.nat()).map(([load, row]) => formatMark(load, row)),
  fc
    .tuple(loadId, fc.nat(), fc.integer({ min: 2, max: 5 }))
    .map(([load, row, attempt]) => formatReplayMark({ loadId: load, row, attempt, stage: 'transform' })),
  fc.tuple(loadId, fc.string()).map(([load, rest]) => `${load}:${rest}`),
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
  });
});
