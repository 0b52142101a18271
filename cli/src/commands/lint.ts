import { lint } from '../lint.ts';
import type { Session } from '../session/session.ts';

/** `millrace lint`: exit code 2 when any file has an error. */
export async function lintCommand(session: Session, paths: readonly string[]): Promise<number> {
  return lint(paths, session.deps.variables, session.output);
}
