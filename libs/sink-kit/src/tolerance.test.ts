import { describe, expect, it } from 'vitest';
import { Tolerance } from './tolerance.ts';

const bad = (n: number) =>
  Array.from({ length: n }, () => ({ code: 'MR-SINK-TOO-LONG', message: 'too long' }));

const DEFAULTS = { max: 50, percent: 5 };

describe('tolerance of bad rows', () => {
  it('lets one bad row pass, however small its batch is', () => {
    const tolerance = new Tolerance(DEFAULTS);
    expect(() => tolerance.check(1, bad(1))).not.toThrow();
    expect(() => tolerance.check(3, bad(1))).not.toThrow();
    expect(() => tolerance.check(10_000, bad(50))).not.toThrow();
  });

  it('pauses for more than 50 of 10,000 and for more than 5 % of a smaller batch', () => {
    const tolerance = new Tolerance(DEFAULTS);
    expect(() => tolerance.check(10_000, bad(51))).toThrow('51 of 10000 rows');
    expect(() => tolerance.check(400, bad(20))).not.toThrow();
    expect(() => tolerance.check(400, bad(21))).toThrow('21 of 400');
  });

  it('pauses for a narrow column although the batches are tiny', () => {
    const tolerance = new Tolerance(DEFAULTS);
    let setAside = 0;
    const flood = () => {
      for (;;) {
        tolerance.check(2, bad(2));
        tolerance.add(2, 2);
        setAside += 2;
      }
    };
    expect(flood).toThrow(expect.objectContaining({ kind: 'systemic', code: 'MR-SINK-TOO-MANY-REJECTS' }));
    expect(setAside).toBeLessThanOrEqual(5);
  });

  it('lets pass as many as it is told to, when the rows really are that bad', () => {
    const tolerance = new Tolerance({ max: 10_000, percent: 100 });
    expect(() => tolerance.check(20, bad(20))).not.toThrow();
    expect(() => tolerance.check(10_000, bad(10_000))).not.toThrow();
    const strict = new Tolerance({ max: 0, percent: 5 });
    expect(() => strict.check(10_000, bad(1))).toThrow('1 of 10000');
  });

  it('forgets what lies more than 10,000 rows back', () => {
    const tolerance = new Tolerance(DEFAULTS);
    tolerance.add(5_000, 50);
    expect(() => tolerance.check(5_000, bad(1))).toThrow();
    tolerance.add(5_000, 0);
    tolerance.add(5_000, 0);
    expect(() => tolerance.check(5_000, bad(50))).not.toThrow();
  });
});
