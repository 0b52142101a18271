/**
 * An error of the development stack. It stands apart from `MillraceError` because the stack starts before any
 * library is built.
 */
export class StackError extends Error {
  override readonly name = 'StackError';
  readonly code: string;
  readonly remedy: string;

  constructor(code: string, message: string, remedy: string, cause?: unknown) {
    super(`${message}. ${remedy}`, cause === undefined ? {} : { cause });
    this.code = code;
    this.remedy = remedy;
  }
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
