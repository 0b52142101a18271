import type { FieldType } from '@millrace/core';
import { describe, expect, it } from 'vitest';
import { fromCel, UNFIT } from './from-cel.ts';

function field(type: FieldType, optional = false) {
  return { name: 'f', type, optional };
}

const DECIMAL: FieldType = { kind: 'decimal', precision: 5, scale: 2 };

describe('fromCel', () => {
  it.each<[FieldType, unknown, unknown]>([
    [{ kind: 'string' }, 'x', 'x'],
    [{ kind: 'string' }, 1n, UNFIT],
    [{ kind: 'boolean' }, true, true],
    [{ kind: 'boolean' }, 'true', UNFIT],
    [{ kind: 'int32' }, 2_147_483_647n, 2_147_483_647],
    [{ kind: 'int32' }, 2_147_483_648n, UNFIT],
    [{ kind: 'int32' }, -3, -3],
    [{ kind: 'int32' }, 0.5, UNFIT],
    [{ kind: 'int32' }, Number.NaN, UNFIT],
    [{ kind: 'int64' }, -9_223_372_036_854_775_808n, -9_223_372_036_854_775_808n],
    [{ kind: 'int64' }, 2 ** 53, UNFIT],
    [{ kind: 'float64' }, 2n ** 53n, 2 ** 53],
    [{ kind: 'float64' }, 2n ** 53n + 1n, UNFIT],
    [DECIMAL, 999n, 99_900n],
    [DECIMAL, 1000n, UNFIT],
    [DECIMAL, 1.25, 125n],
    [DECIMAL, 1.255, UNFIT],
    [DECIMAL, -0.5, -50n],
    [DECIMAL, '12.30', 1230n],
    [DECIMAL, '12.300', 1230n],
    [DECIMAL, '1e2', UNFIT],
    [DECIMAL, Number.POSITIVE_INFINITY, UNFIT],
    [{ kind: 'decimal', precision: 20, scale: 10 }, 1.5e-7, 1500n],
    [{ kind: 'decimal', precision: 38, scale: 0 }, 1e21, 10n ** 21n],
    [{ kind: 'timestamp' }, new Date(5), 5000],
    [{ kind: 'timestamp' }, new Date(Number.NaN), UNFIT],
    [{ kind: 'date' }, new Date(86_400_000), 1],
    [{ kind: 'date' }, new Date(86_400_001), UNFIT],
    [{ kind: 'bytes' }, new Uint8Array([1]), Buffer.from([1])],
  ])('%o from %s', (type, value, expected) => {
    expect(fromCel(field(type), value)).toEqual(expected);
  });

  it('takes null only where it is allowed', () => {
    expect(fromCel(field({ kind: 'string' }), null)).toBe(UNFIT);
    expect(fromCel(field({ kind: 'string' }, true), null)).toBeNull();
  });
});
