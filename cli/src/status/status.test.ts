import { expect, test } from 'vitest';
import { statusLines } from '../commands/status.ts';
import { NO_STYLE } from '../text/style.ts';
import { lagOf, nextOf, totalLag } from './lag.ts';

test('lag counts from the position, or from the start where nothing was read yet', () => {
  expect(lagOf(0, 30, 10, 50)).toMatchObject({ lag: 20, trouble: null });
  expect(lagOf(0, null, 10, 50)).toMatchObject({ lag: 40, trouble: null });
  expect(totalLag([lagOf(0, 30, 10, 50), lagOf(1, 50, 10, 50)])).toBe(20);
});

test('a position outside of the log is trouble', () => {
  expect(lagOf(0, 5, 10, 50)).toMatchObject({ lag: 40, trouble: 'lost' });
  expect(lagOf(0, 51, 10, 50)).toMatchObject({ lag: 0, trouble: 'ahead' });
});

test('the position of a state topic', () => {
  expect(nextOf(Buffer.from('{"next":12,"layout":"x"}'))).toBe(12);
  expect(nextOf(Buffer.from('12'))).toBe(12);
  expect(nextOf(Buffer.from('{"next":-1}'))).toBeNull();
  expect(nextOf(Buffer.from([1, 2, 3]))).toBeNull();
});

test('status on a screen', () => {
  const lines = statusLines(
    {
      pipeline: 'historian',
      generation: 2,
      topics: [
        { topic: 'historian.raw', partitions: 8, records: 1_000 },
        { topic: 'historian.clean', partitions: 0, records: 0 },
      ],
      stages: [
        {
          stage: 'transform',
          input: 'historian.raw',
          lag: 1_234,
          partitions: [lagOf(3, 5, 10, 50)],
          problem: null,
        },
        { stage: 'sink.tagdata', input: 'historian.clean', lag: 0, partitions: [], problem: 'MR-X: away' },
      ],
      loads: { balanced: 2, open: 1 },
      deadLetters: 3,
    },
    NO_STYLE,
  );
  expect(lines).toEqual([
    'pipeline historian (generation 2)',
    'loads: 1 open, 2 balanced',
    'dead letters: 3',
    '',
    'STAGE         READS              LAG',
    'transform     historian.raw    1,234  partition 3: what it wants was deleted',
    'sink.tagdata  historian.clean      ?  MR-X: away',
    '',
    'TOPIC            PARTITIONS  OFFSETS',
    'historian.raw             8    1,000',
    'historian.clean    none yet        0',
  ]);
});
