import { describe, expect, it } from 'vitest';
import { Backoff } from './backoff.ts';
import { asMillraceError, MillraceError, policyFor } from './errors.ts';

describe('policyFor', () => {
  it('never lets anything but a bad record reach the dead letters', () => {
    const kinds = ['data', 'transient', 'systemic', 'fenced', 'halt', 'config', 'bug'] as const;
    expect(kinds.filter((kind) => policyFor(kind).reaction === 'reject')).toEqual(['data']);
  });
});

describe('asMillraceError', () => {
  it('keeps ours and takes the rest for bugs, with the cause', () => {
    const ours = new MillraceError({ kind: 'halt', code: 'MR-X', message: 'm' });
    expect(asMillraceError(ours)).toBe(ours);
    const foreign = new TypeError('oops');
    expect(asMillraceError(foreign)).toMatchObject({ kind: 'bug', code: 'MR-BUG', cause: foreign });
  });
});

describe('Backoff', () => {
  it('doubles to the bound, jittered between half and all, and starts over after a reset', () => {
    const backoff = new Backoff({ delayMs: 100, maxDelayMs: 350 }, () => 1);
    expect([backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([100, 200, 350, 350]);
    backoff.reset();
    expect(backoff.next()).toBe(100);
    expect(new Backoff({ delayMs: 100, maxDelayMs: 350 }, () => 0).next()).toBe(50);
  });
});
