import { describe, expect, it } from 'vitest';
import { recordBudget } from './memory-budget.ts';

const MIB = 1024 * 1024;

describe('recordBudget', () => {
  it('is what was configured while the heap has room for it', () => {
    expect(recordBudget(128 * MIB, 2_000 * MIB)).toBe(128 * MIB);
  });

  it('is a quarter of a heap that has not', () => {
    expect(recordBudget(128 * MIB, 64 * MIB)).toBe(16 * MIB);
  });
});
