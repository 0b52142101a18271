import { describe, expect, test } from 'vitest';
import { logBatch, marker } from '../../test/support/batches.ts';
import type { FetchedBatch } from '../types.ts';
import type { AbortedTransaction } from './aborted.ts';
import { batchesOf } from './record-set.ts';

type Ending = 'abort' | 'commit';

describe('transactions of three producers that overlap', () => {
  const orders = permutations([0, 1, 2]);
  const endings: Ending[][] = [];
  for (let bits = 0; bits < 8; bits += 1)
    endings.push([0, 1, 2].map((i) => (bits & (1 << i) ? 'abort' : 'commit')));

  test.each(orders.flatMap((order) => endings.map((ends) => ({ order, ends }))))(
    'ended in order $order with $ends: exactly the committed ones are delivered',
    ({ order, ends }) => {
      const log = new Log();
      // Opened in one order, with records in turns, ended in another; a second one, committed, and a third, aborted, follow.
      for (const round of [0, 1]) for (const p of [2, 0, 1]) log.records(p, `${p}.${round}`);
      for (const p of order) {
        log.end(p, ends[p] ?? 'commit');
        log.records(p, `${p}.again`);
      }
      for (const p of [1, 2, 0]) log.end(p, 'commit');
      for (const p of [0, 1, 2]) log.records(p, `${p}.last`);
      for (const p of [2, 1, 0]) log.end(p, 'abort');
      const expected = log.values
        .filter(([p, v]) => v.endsWith('again') || (ends[p] === 'commit' && !v.endsWith('last')))
        .map(([, v]) => v);
      for (const aborted of [log.aborted, [...log.aborted].reverse()]) {
        const { values, next } = read(log.bytes(), 0, aborted);
        expect(values).toEqual(expected);
        expect(next).toBe(log.next);
      }
    },
  );
});

describe('the next offset', () => {
  test('moves past a trailing marker and past aborted records without any record', () => {
    const log = new Log();
    log.records(0, 'gone');
    log.end(0, 'abort');
    const batches = [...batchesOf(answer(log.bytes(), log.aborted), 0, 100)];
    expect(batches).toHaveLength(1);
    expect(batches[0]).toMatchObject({ records: [], nextOffset: 2 });
  });

  test('moves past offsets that compaction removed from the end of a batch', () => {
    const set = logBatch({ baseOffset: 10, records: [{ value: 'a' }], lastOffsetDelta: 8 });
    expect(read(set, 10, [])).toMatchObject({ values: ['a'], next: 19 });
  });

  test('starts in the middle of a batch, and ignores batches before it', () => {
    const set = Buffer.concat([
      logBatch({ baseOffset: 0, records: [{ value: 'a' }] }),
      logBatch({ baseOffset: 1, records: [{ value: 'b' }, { value: 'c' }, { value: 'd' }] }),
    ]);
    expect(read(set, 2, [])).toMatchObject({ values: ['c', 'd'], next: 4 });
  });

  test('stays where it is when the only batch is cut off', () => {
    const set = logBatch({ baseOffset: 0, records: [{ value: 'a' }] });
    expect([...batchesOf(answer(set.subarray(0, set.length - 1), []), 0, 10)]).toEqual([]);
  });
});

test('batches are cut at the bound, wherever record batches end, and join without a gap', () => {
  const sizes = [1, 7, 3, 10, 2];
  const set: Buffer[] = [];
  let offset = 0;
  for (const size of sizes) {
    set.push(
      logBatch({
        baseOffset: offset,
        records: Array.from({ length: size }, (_, i) => ({ value: `${offset + i}` })),
      }),
    );
    offset += size;
  }
  for (let max = 1; max <= 24; max += 1) {
    const batches = [...batchesOf(answer(Buffer.concat(set), []), 0, max)];
    expect(batches.flatMap(valuesOf)).toEqual(Array.from({ length: offset }, (_, i) => `${i}`));
    let position = 0;
    for (const batch of batches) {
      expect(batch.records.length).toBeLessThanOrEqual(max);
      expect(batch.records[0]?.offset).toBe(position);
      position = batch.nextOffset;
    }
    expect(position).toBe(offset);
  }
});

class Log {
  readonly values: [producer: number, value: string][] = [];
  readonly aborted: AbortedTransaction[] = [];
  next = 0;
  readonly #parts: Buffer[] = [];
  readonly #first = new Map<number, number>();

  records(producer: number, value: string): void {
    if (!this.#first.has(producer)) this.#first.set(producer, this.next);
    this.values.push([producer, value]);
    this.#parts.push(
      logBatch({
        baseOffset: this.next,
        producerId: BigInt(producer),
        transactional: true,
        records: [{ value }],
      }),
    );
    this.next += 1;
  }

  end(producer: number, kind: Ending): void {
    const firstOffset = this.#first.get(producer) ?? 0;
    this.#first.delete(producer);
    if (kind === 'abort') this.aborted.push({ producerId: BigInt(producer), firstOffset });
    this.#parts.push(marker(this.next, BigInt(producer), kind));
    this.next += 1;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

function read(
  set: Buffer,
  from: number,
  aborted: readonly AbortedTransaction[],
): { values: string[]; next: number } {
  const batches = [...batchesOf(answer(set, aborted), from, 1_000)];
  return { values: batches.flatMap(valuesOf), next: batches.at(-1)?.nextOffset ?? from };
}

function valuesOf(batch: FetchedBatch): string[] {
  return batch.records.map((r) => String(r.value));
}

function answer(records: Buffer, aborted: readonly AbortedTransaction[]) {
  return {
    topic: 't',
    partition: 0,
    error: 0,
    highWatermark: 99,
    lastStable: 99,
    logStart: 0,
    aborted,
    records,
  };
}

function permutations(items: readonly number[]): number[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item) =>
    permutations(items.filter((i) => i !== item)).map((rest) => [item, ...rest]),
  );
}
