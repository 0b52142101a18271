import { expect, it } from 'vitest';
import { gapBefore, truncated } from './position.ts';

const log = { start: 100, lastStable: 200, highWatermark: 200 };

it('a position inside of the log, or at either end, has no gap', () => {
  for (const next of [100, 150, 200]) expect(gapBefore({ next }, log)).toBeNull();
});

it('a position below the start is a gap, above the end a halt', () => {
  expect(gapBefore({ next: 99 }, log)).toEqual({ from: 99, to: 100 });
  expect(truncated({ from: 90, to: 100 })).toMatchObject({ kind: 'halt', code: 'MR-SINK-TRUNCATED' });
  expect(() => gapBefore({ next: 201 }, log)).toThrow(
    expect.objectContaining({ kind: 'halt', code: 'MR-SINK-ABOVE-END' }),
  );
});
