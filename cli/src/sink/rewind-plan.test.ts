import { ledgerEntry } from '@millrace/contracts';
import { expect, test } from 'vitest';
import { firstOffsetsOf, parseRewindTo, planRewind } from './rewind-plan.ts';

const POSITIONS = new Map([
  [1, 50],
  [0, 100],
]);
const BOUNDS = new Map([
  [0, { start: 0, end: 120 }],
  [1, { start: 40, end: 60 }],
]);

test('to the beginning of what the log still has', () => {
  expect(planRewind(POSITIONS, BOUNDS, { kind: 'beginning' })).toEqual([
    { partition: 0, from: 100, to: 0, note: '' },
    { partition: 1, from: 50, to: 40, note: '' },
  ]);
});

test('an offset that was deleted becomes the start of the log; a position is never raised', () => {
  expect(planRewind(POSITIONS, BOUNDS, { kind: 'offset', offset: 30 })).toEqual([
    { partition: 0, from: 100, to: 30, note: '' },
    { partition: 1, from: 50, to: 40, note: 'the log begins at 40 now' },
  ]);
  expect(planRewind(POSITIONS, BOUNDS, { kind: 'offset', offset: 70 })).toEqual([
    { partition: 0, from: 100, to: 70, note: '' },
    { partition: 1, from: 50, to: 50, note: 'is not beyond it yet' },
  ]);
});

test('to a load, in the partitions that it touched', () => {
  const entry = (partition: number, first: Record<string, number>) =>
    ledgerEntry(
      { pipeline: 'h', loadId: 'l', stage: 'transform', partition, part: 0, at: 0 },
      {
        transform: {
          accepted: '',
          duplicates: '',
          filtered: '',
          rejected: '',
          resolved: '',
          emitted: { clean: { tally: '', first } },
        },
      },
    );
  const firsts = firstOffsetsOf([entry(0, { '0': 90 }), entry(1, { '0': 80 })], 'l', 'clean');
  expect(firsts).toEqual(new Map([[0, 80]]));
  expect(firstOffsetsOf([entry(0, { '0': 90 })], 'other', 'clean')).toEqual(new Map());
  expect(planRewind(POSITIONS, BOUNDS, { kind: 'load', firsts })).toEqual([
    { partition: 0, from: 100, to: 80, note: '' },
    { partition: 1, from: 50, to: 50, note: 'the load is not in it' },
  ]);
});

test('where to', () => {
  expect(parseRewindTo('beginning')).toEqual({ kind: 'beginning' });
  expect(parseRewindTo('12')).toEqual({ kind: 'offset', offset: 12 });
  expect(() => parseRewindTo('-1')).toThrow('neither "beginning" nor an offset');
});
