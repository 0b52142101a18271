import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadIdOf } from './load-id.ts';
import { formatMark, formatReplayMark, parseMark } from './mark.ts';

const identity = {
  source: 'plant',
  path: '/exports/Öfen 1.csv',
  size: 10,
  mtimeMs: 1_700_000_000_000,
  version: 1,
};

describe('load id', () => {
  it('is 16 characters of Crockford base 32 and depends on each part of the identity', () => {
    const id = loadIdOf(identity);
    expect(id).toMatch(/^[0-9a-hjkmnp-tv-z]{16}$/);
    const others = [{ source: 'x' }, { path: '/x' }, { size: 11 }, { mtimeMs: 1 }, { version: 2 }];
    expect(new Set([id, ...others.map((other) => loadIdOf({ ...identity, ...other }))]).size).toBe(6);
  });

  it('does not change between releases: state topics and targets hold it', () => {
    expect(loadIdOf({ source: 's', path: '/p', size: 1, mtimeMs: 2, version: 3 })).toBe('1e2krr553kg3rewa');
  });
});

describe('mark', () => {
  it('survives being written and read', () => {
    const loadId = loadIdOf(identity);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 1 }),
        fc.integer({ min: 2, max: 1e6 }),
        (row, attempt) => {
          expect(parseMark(Buffer.from(formatMark(loadId, row)))).toEqual({
            loadId,
            row,
            attempt: 1,
            stage: '',
          });
          const replay = { loadId, row, attempt, stage: 'sink.tagdata' };
          expect(parseMark(formatReplayMark(replay))).toEqual(replay);
        },
      ),
    );
  });

  it('is about 22 readable bytes', () => {
    expect(formatMark(loadIdOf(identity), 100_000)).toMatch(/^[0-9a-z]{16}:255s$/);
  });

  it('reads nothing else', () => {
    for (const text of [
      '',
      'abc:1',
      '0123456789abcdef:',
      '0123456789abcdef:1:0:x',
      '0123456789abcdef:1 ',
      '0123456789abcdef:zzzzzzzzzzz',
    ])
      expect(parseMark(text)).toBeNull();
    expect(parseMark(null)).toBeNull();
    expect(parseMark(undefined)).toBeNull();
  });
});
