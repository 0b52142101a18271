/**
 * What kind of trouble an error is. The kind alone decides what happens next, see `policyFor`.
 *
 * - `data`: this one record is bad; everything else is well.
 * - `transient`: the world is briefly bad; the same call will work later.
 * - `systemic`: the world is bad until somebody mends it (permission, disk full, missing table).
 * - `fenced`: somebody else has taken this work over.
 * - `halt`: going on would lose or double data; only a person can decide.
 * - `config`: what we were told to do makes no sense.
 * - `bug`: ours.
 */
export type ErrorKind = 'data' | 'transient' | 'systemic' | 'fenced' | 'halt' | 'config' | 'bug';

export interface ErrorDetails {
  readonly kind: ErrorKind;
  /** Stable code, `MR-<AREA>-<WHAT>`. */
  readonly code: string;
  /** What happened, without payloads and secrets. */
  readonly message: string;
  /** What the operator should do. */
  readonly remedy?: string;
  readonly cause?: unknown;
}

/** The only error type that crosses a package's border. */
export class MillraceError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly remedy: string | undefined;

  constructor(details: ErrorDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'MillraceError';
    this.kind = details.kind;
    this.code = details.code;
    this.remedy = details.remedy;
  }
}

/** Anything thrown, as a `MillraceError`; what is not one yet is taken for a bug. */
export function asMillraceError(thrown: unknown): MillraceError {
  if (thrown instanceof MillraceError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new MillraceError({
    kind: 'bug',
    code: 'MR-BUG',
    message,
    remedy: 'Report this with the log around it.',
    cause: thrown,
  });
}

export type Reaction = 'reject' | 'retry' | 'pause' | 'release' | 'halt' | 'exit';

export interface Policy {
  /** What the loop that met the error does. */
  readonly reaction: Reaction;
  /** First wait before the work is tried again, in milliseconds; doubled up to `maxDelayMs`. */
  readonly delayMs: number;
  readonly maxDelayMs: number;
  /** Whether an operator has to be told at once. */
  readonly alert: boolean;
}

const POLICIES: Readonly<Record<ErrorKind, Policy>> = {
  data: { reaction: 'reject', delayMs: 0, maxDelayMs: 0, alert: false },
  transient: { reaction: 'retry', delayMs: 200, maxDelayMs: 10_000, alert: false },
  systemic: { reaction: 'pause', delayMs: 2_000, maxDelayMs: 30_000, alert: true },
  fenced: { reaction: 'release', delayMs: 500, maxDelayMs: 5_000, alert: false },
  halt: { reaction: 'halt', delayMs: 0, maxDelayMs: 0, alert: true },
  config: { reaction: 'halt', delayMs: 0, maxDelayMs: 0, alert: true },
  bug: { reaction: 'pause', delayMs: 2_000, maxDelayMs: 60_000, alert: true },
};

/** The one table that separates reject, retry, pause and halt. */
export function policyFor(kind: ErrorKind): Policy {
  return POLICIES[kind];
}
