import type { FieldType } from '@millrace/core';
import { describe, expect, it } from 'vitest';
import { cel, pipelineOf, row, rule } from '../../test/fixtures.ts';
import { compileTransform } from './program.ts';

function computed(name: string, type: FieldType, text: string, optional = false) {
  return { name, type, optional, cel: cel(text) };
}

describe('rules', () => {
  it('the first that decides wins', () => {
    const program = compileTransform(
      pipelineOf({
        rules: [rule('filter', 'zero', 'value == 0.0'), rule('reject', 'LOW', 'value < 10.0')],
      }),
    );
    expect(program.judge(row('a', 0, 0))).toEqual({ kind: 'filtered', rule: 'zero' });
    expect(program.judge(row('a', 0, 5))).toEqual({
      kind: 'rejected',
      reason: { code: 'LOW', message: 'rule LOW' },
    });
    expect(program.judge(row('a', 0, 50))).toEqual({ kind: 'accepted' });
  });

  it('an expression that fails on a record rejects that record, without its values in the message', () => {
    const program = compileTransform(pipelineOf({ rules: [rule('reject', 'R', 'note < "b"')] }));
    const verdict = program.judge(row('secret-tag', 0, 1, null));
    expect(verdict).toMatchObject({ kind: 'rejected', reason: { code: 'MR-ROW-RULE-ERROR' } });
    expect(JSON.stringify(verdict)).toContain('rule R could not be evaluated');
    expect(program.judge(row('a', 0, 1, 'c'))).toEqual({ kind: 'accepted' });
  });

  it('sees null, timestamps and integers', () => {
    const program = compileTransform(
      pipelineOf({
        rules: [
          rule('reject', 'NO-NOTE', 'note == null'),
          rule('reject', 'OLD', 'time < timestamp("2020-01-01T00:00:00Z")'),
        ],
      }),
    );
    expect(program.judge(row('a', 0, 1))).toMatchObject({ reason: { code: 'NO-NOTE' } });
    expect(program.judge(row('a', 0, 1, 'x'))).toMatchObject({ reason: { code: 'OLD' } });
    expect(program.judge(row('a', 1_700_000_000_000_000, 1, 'x'))).toEqual({ kind: 'accepted' });
  });

  it('stops the pipeline at the place of an expression that does not type-check', () => {
    for (const text of ['value >', 'nosuch > 1.0', 'value + 1.0', 'tag > 1'])
      expect(() => compileTransform(pipelineOf({ rules: [rule('reject', 'R', text)] }))).toThrow(
        expect.objectContaining({
          kind: 'config',
          code: 'MR-TRANSFORM-EXPRESSION',
          message: expect.stringContaining('plant.yaml:7:11: '),
        }),
      );
  });
});

describe('a field named as CEL names its own things', () => {
  it('is out of reach of expressions, but does not spoil them', () => {
    const { record } = pipelineOf();
    const fields = ['type', 'string', 'if'].map((name) => ({
      name,
      type: { kind: 'string' } as const,
      optional: false,
      from: name,
    }));
    const program = compileTransform({
      ...pipelineOf({ rules: [rule('reject', 'HIGH', 'value > 9.0')] }),
      record: { ...record, fields: [...record.fields, ...fields] },
    });
    expect(program.judge({ ...row('a', 0, 10), type: 'x', string: 'y', if: 'z' })).toMatchObject({
      reason: { code: 'HIGH' },
    });
  });
});

describe('computed fields', () => {
  it('are set in order, each sees the earlier', () => {
    const program = compileTransform(
      pipelineOf({
        compute: [
          computed('twice', { kind: 'float64' }, 'value * 2.0'),
          computed('cents', { kind: 'decimal', precision: 9, scale: 2 }, 'twice'),
        ],
      }),
    );
    const record = row('a', 0, 1.25);
    program.judge(record);
    expect(program.compute(record)).toBeNull();
    expect(record).toMatchObject({ twice: 2.5, cents: 250n });
  });

  it('reject what their type cannot hold exactly', () => {
    const program = compileTransform(pipelineOf({ compute: [computed('n', { kind: 'int32' }, 'value')] }));
    const good = row('a', 0, 7);
    program.judge(good);
    expect(program.compute(good)).toBeNull();
    expect(good.n).toBe(7);
    const bad = row('a', 0, 7.5);
    program.judge(bad);
    expect(program.compute(bad)).toMatchObject({ code: 'MR-ROW-COMPUTE', field: 'n' });
  });

  it('copy a field under another name with all its microseconds', () => {
    const program = compileTransform(
      pipelineOf({ compute: [computed('sourceTime', { kind: 'timestamp' }, 'time')] }),
    );
    const record = row('a', 1_700_000_000_123_457, 1);
    program.judge(record);
    program.compute(record);
    expect(record.sourceTime).toBe(1_700_000_000_123_457);
  });

  it('stop the pipeline when the expression can never fit', () => {
    expect(() =>
      compileTransform(pipelineOf({ compute: [computed('n', { kind: 'int32' }, 'tag')] })),
    ).toThrow('field n is a int32, its expression gives a string');
  });
});

describe('outputs', () => {
  it('take what their condition wants, and keys keep fields apart', () => {
    const { outputs } = pipelineOf().transform;
    const [clean] = outputs;
    if (!clean) throw new Error('no output');
    const program = compileTransform(
      pipelineOf({
        outputs: [
          { ...clean, name: 'high', when: cel('value > 90.0'), key: ['tag', 'note'] },
          { ...clean, name: 'low', when: cel('value < 10.0') },
        ],
      }),
    );
    const wanted = [false, false];
    const record = row('a|b', 0, 95, null);
    program.judge(record);
    expect(program.route(record, wanted)).toBe(1);
    expect(wanted).toEqual([true, false]);
    expect(program.outputs[0]?.keyOf(record)).toBe('a\\|b|\\N');
    const middle = row('a', 0, 50);
    program.judge(middle);
    expect(program.route(middle, wanted)).toBe(0);
  });
});
