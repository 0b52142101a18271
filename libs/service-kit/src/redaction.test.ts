import { Secret } from '@millrace/config';
import { MillraceError } from '@millrace/core';
import { expect, test } from 'vitest';
import { Redactor } from './redaction.ts';

const PLANTED = 'hunter2/&';

function redactor(): Redactor {
  const result = new Redactor();
  result.learn([PLANTED]);
  return result;
}

test('a planted password is found wherever it stands', () => {
  const cause = new Error(`connect postgres://u:${encodeURIComponent(PLANTED)}@db failed`);
  const shown = JSON.stringify(
    redactor().fields({
      message: `cannot log in with ${PLANTED}`,
      nested: { list: [{ deep: `x${PLANTED}x` }], [PLANTED]: 1 },
      error: new MillraceError({ kind: 'transient', code: 'MR-X', message: `no: ${PLANTED}`, cause }),
      map: new Map([['a', PLANTED]]),
      set: new Set([PLANTED]),
    }),
  );
  expect(shown).not.toContain(PLANTED);
  expect(shown).not.toContain(encodeURIComponent(PLANTED));
  // Message, text, key, error, its cause with message and stack, map, set.
  expect(shown.match(/\[secret\]/g)).toHaveLength(8);
});

test('instances of Secret, and keys that look like passwords, are hidden without being known', () => {
  const fields = new Redactor().fields({
    url: new Secret('postgres://u:p@db'),
    sasl: { password: 'unknown', username: 'u' },
    Authorization: 'Bearer unknown',
    apiKey: 'unknown',
    access_token: 'unknown',
    passphrase: null,
    key: 'tag|1',
    token: 'unknown',
    tokens: 12,
    fencingToken: 7,
  });
  expect(JSON.stringify(fields)).not.toMatch(/unknown|u:p@db/);
  expect(fields).toMatchObject({ sasl: { username: 'u' }, passphrase: null, key: 'tag|1', tokens: 12 });
  expect(fields.fencingToken).toBe(7);
});

test('a secret inside another leaves nothing of either', () => {
  const both = new Redactor();
  both.learn(['abcd', 'abcdefgh']);
  expect(both.text('abcdefgh abcd')).toBe('[secret] [secret]');
});

test('what is too short to be a secret leaves the log readable', () => {
  const short = new Redactor();
  short.learn(['', 'a', 'abc']);
  expect(short.text('a cab abc')).toBe('a cab abc');
});

test('everything is bounded and plain', () => {
  const loop: Record<string, unknown> = { big: 12n, bytes: Buffer.from('payload'), call: () => 1 };
  loop.self = loop;
  const shown = redactor().fields({
    loop,
    long: 'x'.repeat(100_000),
    many: Array.from({ length: 10_000 }, () => 1),
  });
  const text = JSON.stringify(shown);
  expect(text.length).toBeLessThan(12_000);
  expect(text).toContain('"big":"12"');
  expect(text).toContain('<7 bytes>');
  expect(text).not.toContain('payload');
});

test('an expected error is told without its stack, a bug with it', () => {
  const expected = new MillraceError({ kind: 'config', code: 'MR-X', message: 'm', remedy: 'r' });
  expect(redactor().value(expected)).toEqual({
    name: 'MillraceError',
    code: 'MR-X',
    kind: 'config',
    message: 'm',
    remedy: 'r',
  });
  expect(redactor().value(new TypeError('x'))).toMatchObject({
    name: 'TypeError',
    stack: expect.any(String),
  });
});
