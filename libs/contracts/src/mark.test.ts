import { describe, expect, it } from 'vitest';
import { formatFileTime, formatMark, formatReplayMark, parseFileTime, parseMark } from './mark.ts';

describe('the mark of a record', () => {
  it('comes back as it was written', () => {
    const first = { loadId: '0123456789abcdef', row: 36 ** 3, attempt: 1, stage: '' };
    expect(parseMark(formatMark(first.loadId, first.row))).toEqual(first);
    const replay = { ...first, attempt: 2, stage: 'sink.warehouse' };
    expect(parseMark(Buffer.from(formatReplayMark(replay)))).toEqual(replay);
  });

  it('is null for anything else', () => {
    for (const text of [
      '',
      'abc:1',
      '0123456789abcdef',
      '0123456789abcdef:',
      '0123456789abcdef:1:0:ingest',
    ]) {
      expect(parseMark(text)).toBeNull();
    }
  });
});

describe('the file time of a record', () => {
  it('comes back as it was written, before 1970 too', () => {
    for (const mtimeMs of [0, 1_760_000_000_123, -86_400_000, 8.64e15]) {
      expect(parseFileTime(formatFileTime(mtimeMs))).toBe(mtimeMs);
    }
    expect(parseFileTime(formatFileTime(1.9))).toBe(1);
  });

  it('is null for anything else and for what no date can hold', () => {
    for (const text of ['', '-', 'Z', '1.5', 'zzzzzzzzzzz', null, undefined])
      expect(parseFileTime(text)).toBeNull();
  });
});
