import { expect, test } from 'vitest';
import { pathError, STATUS } from './errors.ts';

function refused(code: number): Error {
  return Object.assign(new Error('status'), { code });
}

// Some servers send codes of later protocol versions: 11 file already exists, 14 no space left, 15 quota exceeded.
test.each([STATUS.failure, STATUS.unsupported, 9, 11, 12, 14, 15, 99])(
  'status %i is trouble with the path',
  (code) => {
    expect(pathError(refused(code), 'moving')).toMatchObject({ kind: 'data', code: 'MR-FILE-REFUSED' });
  },
);

test.each([STATUS.noConnection, STATUS.connectionLost])('status %i is trouble with the server', (code) => {
  expect(pathError(refused(code), 'moving')).toMatchObject({ kind: 'transient', code: 'MR-SFTP-LOST' });
});
