import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHUNK_HASHES_MAX, type StateChange } from './dedupe-log.ts';
import { DedupeMemory } from './dedupe-memory.ts';
import { DedupeTable } from './dedupe-table.ts';

const WINDOW_MS = 10_000;
const LATER = Number.MAX_SAFE_INTEGER;

/** What the table should say: key → time of its first record in the window, stream time in whole seconds. */
class Model {
  readonly #first = new Map<string, number>();
  #now = 1;

  isDuplicate(key: string, timestampMs: number): boolean {
    this.#now = Math.max(this.#now, Math.floor(timestampMs / 1000));
    const first = this.#first.get(key);
    if (first !== undefined && first + WINDOW_MS / 1000 >= this.#now) return true;
    this.#first.set(key, this.#now);
    return false;
  }
}

function isDuplicate(memory: DedupeMemory, key: string, timestampMs: number, offset: number): boolean {
  memory.advance(timestampMs);
  if (memory.has(key)) return true;
  memory.add(offset);
  return false;
}

/** The state topic after compaction, or before it. */
class StateTopic {
  #records: StateChange[] = [];

  write(changes: readonly StateChange[]): void {
    for (const { key, value } of changes)
      this.#records.push({ key, value: value === null ? null : Buffer.from(value) });
  }

  compact(): void {
    const last = new Map(this.#records.map((record, i) => [record.key, i]));
    this.#records = this.#records.filter((record, i) => last.get(record.key) === i);
  }

  get live(): StateChange[] {
    const latest = new Map(this.#records.map((record) => [record.key, record]));
    return [...latest.values()].filter((record) => record.value !== null);
  }

  restore(windowMs: number): DedupeMemory {
    const memory = new DedupeMemory(windowMs, () => LATER);
    memory.beginBatch();
    for (const { key, value } of this.#records)
      memory.restore(key, value === null ? null : Buffer.from(value));
    return memory;
  }
}

function memoryOf(windowMs: number, now: () => number = () => LATER): DedupeMemory {
  const memory = new DedupeMemory(windowMs, now);
  memory.beginBatch();
  return memory;
}

describe('dedupe', () => {
  it('answers as a map of first times does, through restarts and compactions at any batch', () => {
    const batch = fc.record({
      rows: fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: -3000, max: 6000 }))),
      next: fc.constantFrom('go on', 'restart', 'compact and restart'),
    });
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 30 }), (batches) => {
        const model = new Model();
        const topic = new StateTopic();
        let memory = memoryOf(WINDOW_MS);
        let time = 1_000_000;
        let offset = 0;
        for (const { rows, next } of batches) {
          for (const [key, step] of rows) {
            time += step;
            const expected = model.isDuplicate(`k${key}`, time);
            expect(isDuplicate(memory, `k${key}`, time, offset)).toBe(expected);
            offset += 1;
          }
          const streamTime = memory.streamTime;
          topic.write(memory.takeChanges());
          if (next === 'go on') continue;
          if (next === 'compact and restart') topic.compact();
          memory = topic.restore(WINDOW_MS);
          memory.restoreTime(streamTime);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('holds hundreds of thousands of keys and finds each, before and after a restart', () => {
    const keys = 200_000;
    let wrong = 0;
    const topic = new StateTopic();
    const memory = memoryOf(3_600_000);
    for (let i = 0; i < keys; i += 1) {
      if (isDuplicate(memory, `tag-${i}`, 1_700_000_000_000, i)) wrong += 1;
      if (i % 10_000 === 9_999) topic.write(memory.takeChanges());
    }
    const restored = topic.restore(3_600_000);
    for (const one of [memory, restored]) {
      for (let i = 0; i < keys; i += 1) if (!one.has(`tag-${i}`)) wrong += 1;
      expect(one.has('another')).toBe(false);
    }
    expect(wrong).toBe(0);
    expect(topic.live.length).toBe(Math.ceil(keys / CHUNK_HASHES_MAX));
    expect(memory.bytes / keys).toBeLessThan(43);
  });

  it('writes the open chunk again instead of a record per transaction, and tombstones what expired', () => {
    const topic = new StateTopic();
    const memory = memoryOf(WINDOW_MS);
    for (let i = 0; i < 50; i += 1) {
      isDuplicate(memory, `a${i}`, 1_000_000, i);
      topic.write(memory.takeChanges());
    }
    expect(topic.live.map(({ key }) => key)).toEqual(['dedupe/0']);
    isDuplicate(memory, 'later', 1_000_000 + WINDOW_MS + 2000, 50);
    topic.write(memory.takeChanges());
    expect(topic.live.map(({ key }) => key)).toEqual(['dedupe/50']);
  });

  it('does not grow while keys expire as fast as they come', () => {
    const memory = memoryOf(WINDOW_MS);
    for (let i = 0; i < 200_000; i += 1) isDuplicate(memory, `k${i}`, 1_000_000 + i * 10, i);
    // 1,000 to 1,100 keys are live at any time.
    expect(memory.bytes).toBeLessThanOrEqual(4096 * 16);
  });

  it('takes a record from the future as one of now', () => {
    const now = 1_700_000_000_000;
    const memory = memoryOf(WINDOW_MS, () => now);
    expect(isDuplicate(memory, 'a', now, 0)).toBe(false);
    expect(isDuplicate(memory, 'b', now + 365 * 86_400_000, 1)).toBe(false);
    expect(isDuplicate(memory, 'a', now, 2)).toBe(true);
  });

  it('pauses instead of forgetting when it is full', () => {
    const table = new DedupeTable(10, 2048);
    const fill = () => {
      for (let i = 0; i < 5000; i += 1) {
        table.has((i * 2_654_435_761) >>> 0, i, 0);
        table.add((i * 2_654_435_761) >>> 0, i, 0);
      }
    };
    expect(fill).toThrow(expect.objectContaining({ kind: 'systemic', code: 'MR-TRANSFORM-DEDUPE-FULL' }));
    expect(table.used).toBe(1536);
  });
});
