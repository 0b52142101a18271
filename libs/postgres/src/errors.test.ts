import { policyFor } from '@millrace/core';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { classify } from './errors.ts';

function databaseError(code: string, message = 'value "planted-payload" is bad'): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError(message, 1, 'error'), {
    code,
    detail: 'Key (a)=(planted-payload)',
  });
}

describe('errors of the database', () => {
  it.each([
    ['22P02', 'data', 'MR-SINK-VALUE'],
    ['22001', 'data', 'MR-SINK-TOO-LONG'],
    ['23505', 'data', 'MR-SINK-UNIQUE'],
    ['54000', 'data', 'MR-SINK-TOO-LARGE'],
    ['40P01', 'transient', 'MR-PG-DEADLOCK'],
    ['40001', 'transient', 'MR-PG-ROLLED-BACK'],
    ['55P03', 'transient', 'MR-PG-LOCKED'],
    ['57014', 'transient', 'MR-PG-TIMEOUT'],
    ['57P01', 'transient', 'MR-PG-SHUTDOWN'],
    ['08006', 'transient', 'MR-PG-CONNECTION'],
    ['25006', 'transient', 'MR-PG-READ-ONLY'],
    ['42501', 'systemic', 'MR-PG-PERMISSION'],
    ['42P01', 'systemic', 'MR-PG-NO-TABLE'],
    ['53100', 'systemic', 'MR-PG-DISK-FULL'],
    ['28P01', 'systemic', 'MR-PG-LOGIN'],
    ['3D000', 'systemic', 'MR-PG-NO-DATABASE'],
    ['XX000', 'systemic', 'MR-PG-ERROR'],
    ['MR001', 'fenced', 'MR-PG-FENCED'],
  ])('%s is %s', (state, kind, code) => {
    const error = classify(databaseError(state, 'relation "t" has trouble'), 'testing');
    expect([error.kind, error.code]).toEqual([kind, code]);
    expect(error.remedy).toBeTruthy();
  });

  it('say nothing of the row', () => {
    for (const state of ['22P02', '22003', '23505', '23502', 'P0001']) {
      const error = classify(databaseError(state), 'testing');
      expect(policyFor(error.kind).reaction).toBe('reject');
      expect(`${error.message} ${error.remedy} ${String(error.cause)}`).not.toContain('planted-payload');
    }
  });

  it('of the connection are transient, of its certificate systemic, of our code a bug', () => {
    const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    expect(classify(reset, 'testing')).toMatchObject({ kind: 'transient', code: 'MR-PG-CONNECTION' });
    const expired = Object.assign(new Error('certificate has expired'), { code: 'CERT_HAS_EXPIRED' });
    expect(classify(expired, 'testing')).toMatchObject({ kind: 'systemic', code: 'MR-PG-TLS' });
    expect(classify(new TypeError('x is undefined'), 'testing').kind).toBe('bug');
  });
});
