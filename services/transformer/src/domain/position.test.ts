import { describe, expect, it } from 'vitest';
import { parsePosition, startingPosition } from './position.ts';

const STORED = { next: 50, layout: 'l1', clusterId: 'c1', time: 0 };
const WORLD = { layout: 'l1', clusterId: 'c1', start: 10, end: 60 };

describe('startingPosition', () => {
  it('goes on at next, or at 0 without state', () => {
    expect(startingPosition(STORED, WORLD, 'halt')).toEqual({ next: 50, gap: null });
    expect(startingPosition(STORED, { ...WORLD, end: 50 }, 'halt')).toEqual({ next: 50, gap: null });
    expect(startingPosition(null, { ...WORLD, start: 0 }, 'halt')).toEqual({ next: 0, gap: null });
  });

  it('halts where going on would lose or double', () => {
    const codeOf = (...args: Parameters<typeof startingPosition>): string => {
      try {
        startingPosition(...args);
        return 'none';
      } catch (error) {
        expect(error).toMatchObject({ kind: 'halt', remedy: expect.any(String) });
        return (error as { code: string }).code;
      }
    };
    expect(codeOf(STORED, { ...WORLD, clusterId: 'c2' }, 'gap')).toBe('MR-TRANSFORM-OTHER-CLUSTER');
    expect(codeOf(STORED, { ...WORLD, layout: 'l2' }, 'gap')).toBe('MR-TRANSFORM-LAYOUT');
    expect(codeOf(STORED, { ...WORLD, end: 49 }, 'gap')).toBe('MR-TRANSFORM-ABOVE-END');
    expect(codeOf(STORED, { ...WORLD, start: 51 }, 'halt')).toBe('MR-TRANSFORM-TRUNCATED');
    expect(codeOf(null, WORLD, 'halt')).toBe('MR-TRANSFORM-TRUNCATED');
  });

  it('names the gap when it may go on', () => {
    expect(startingPosition(STORED, { ...WORLD, start: 55 }, 'gap')).toEqual({
      next: 55,
      gap: { from: 50, to: 55 },
    });
  });

  it('reads back what was written, and nothing else', () => {
    expect(parsePosition(Buffer.from(JSON.stringify(STORED)))).toEqual(STORED);
    expect(parsePosition(Buffer.from('{"next":"50"}'))).toBeNull();
    for (const text of ['null', '', '{', '7', '{"next":-1,"layout":"l","clusterId":"c","time":0}'])
      expect(parsePosition(Buffer.from(text))).toBeNull();
  });
});
