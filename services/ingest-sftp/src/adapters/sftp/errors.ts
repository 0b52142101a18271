import { MillraceError } from '@millrace/core';

/** SSH_FX_… of draft-ietf-secsh-filexfer-02, section 7. */
export const STATUS = {
  eof: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  noConnection: 6,
  connectionLost: 7,
  unsupported: 8,
} as const;

/** The server's status of a failed request, when the error is one. */
export function statusOf(error: unknown): number | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  return typeof error.code === 'number' ? error.code : null;
}

/** A refused request on one path: the path's fault, unless the connection was lost. */
export function pathError(error: unknown, what: string): MillraceError {
  if (error instanceof MillraceError) return error;
  const status = statusOf(error);
  switch (status) {
    case null:
    case STATUS.badMessage:
    case STATUS.noConnection:
    case STATUS.connectionLost:
      return lost(error);
    case STATUS.noSuchFile:
      return fileError('MR-FILE-NOT-FOUND', `${what}: not found`, error);
    case STATUS.permissionDenied:
      return fileError('MR-FILE-PERMISSION', `${what}: permission denied`, error);
    default:
      // Also codes of later protocol versions, such as no space left: waiting for the server would be for ever.
      return fileError('MR-FILE-REFUSED', `${what}: the server refused (status ${status})`, error);
  }
}

export function fileError(code: string, message: string, cause?: unknown): MillraceError {
  const remedy = 'Look at the path and its permissions on the server.';
  return new MillraceError({
    kind: 'data',
    code,
    message,
    remedy,
    ...(cause === undefined ? {} : { cause }),
  });
}

export function lost(cause: unknown): MillraceError {
  const text = cause instanceof Error ? cause.message : 'closed';
  return new MillraceError({
    kind: 'transient',
    code: 'MR-SFTP-LOST',
    message: `connection to the SFTP server lost: ${text}`,
    cause,
  });
}

export function silent(ms: number): MillraceError {
  return new MillraceError({
    kind: 'transient',
    code: 'MR-SFTP-SILENT',
    message: `the SFTP server sent nothing for ${ms} ms`,
    remedy: 'Look at the server and the network; source.sftp.idleTimeout is how long is waited.',
  });
}

/** An error while connecting: refused login is systemic, everything else may pass. */
export function connectError(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  const level = error instanceof Error && 'level' in error ? error.level : undefined;
  if (level === 'client-authentication') {
    return new MillraceError({
      kind: 'systemic',
      code: 'MR-SFTP-AUTH',
      message: 'the SFTP server refused the login',
      remedy: 'Check user and password or key of source.sftp.',
      cause: error,
    });
  }
  const text = error instanceof Error ? error.message : String(error);
  return new MillraceError({
    kind: 'transient',
    code: 'MR-SFTP-CONNECT',
    message: `no connection to the SFTP server: ${text}`,
    cause: error,
  });
}

export function wrongHostKey(offered: string): MillraceError {
  return new MillraceError({
    kind: 'systemic',
    code: 'MR-SFTP-HOST-KEY',
    message: `THE SFTP SERVER'S HOST KEY IS NOT ONE OF THOSE CONFIGURED (it offers ${offered}): somebody may be in between; no login was tried`,
    remedy:
      'Ask the server’s operator for its fingerprint; only if it is this one, put it into source.sftp.hostKeys.',
  });
}
