import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  /** Names the condition in the error. */
  readonly what: string;
  /** Default 30 s. */
  readonly deadlineMs?: number;
  readonly pollMs?: number;
}

/** What a condition may return: anything but these means that it holds. */
type Falsy = false | undefined | null | 0 | '';

/**
 * Asks again until the condition holds and returns what it returned. A condition that throws has not held yet; its
 * last error is the cause of the one thrown here.
 * @throws Error after the deadline, naming `what`
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions,
): Promise<Exclude<T, Falsy>> {
  const { what, deadlineMs = 30_000, pollMs = 25 } = options;
  const deadline = performance.now() + deadlineMs;
  let cause: unknown;
  do {
    try {
      const value = await condition();
      if (value) return value as Exclude<T, Falsy>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await delay(pollMs);
  } while (performance.now() < deadline);
  const last =
    cause === undefined ? '' : ` (last: ${cause instanceof Error ? cause.message : String(cause)})`;
  throw new Error(`waited ${deadlineMs} ms in vain for ${what}${last}`, { cause });
}
