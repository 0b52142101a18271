import { MillraceError } from '@millrace/core';

const DEFAULT_BAD_ROWS_MAX = 50;

/** `MILLRACE_SINK_BAD_ROWS_MAX`: bad rows among the last 10,000 above which the sink pauses. */
export function badRowsMax(variables: Readonly<Record<string, string | undefined>>): number {
  const text = variables.MILLRACE_SINK_BAD_ROWS_MAX;
  if (text === undefined || text === '') return DEFAULT_BAD_ROWS_MAX;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= 10_000) return value;
  throw new MillraceError({
    kind: 'config',
    code: 'MR-SINK-BAD-ROWS-MAX',
    message: 'MILLRACE_SINK_BAD_ROWS_MAX is not a whole number from 0 to 10000',
    remedy: 'Correct the variable or leave it out for 50.',
  });
}
