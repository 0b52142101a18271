import type { Session } from '../session/session.ts';

/** `millrace lint`: exit code 2 when any file has an error. */
export async function lintCommand(_session: Session, _paths: readonly string[]): Promise<number> {
  throw new Error('not built yet');
}
