import { MillraceError } from '@millrace/core';

const UNKNOWN_SCHEMA = 'MR-REGISTRY-UNKNOWN-SCHEMA';

export const isUnknownSchema = (error: MillraceError): boolean => error.code === UNKNOWN_SCHEMA;

/**
 * Sorts what the registry's client throws by HTTP status. The client gives 400 to its own network errors, and the
 * registry uses 409 for incompatible and 422 for invalid schemas.
 */
export function registryError(thrown: unknown, doing: string): MillraceError {
  if (thrown instanceof MillraceError) return thrown;
  const { status, message } = thrown as { status?: unknown; message?: unknown };
  const says = `The schema registry failed ${doing}: ${String(message)}`;
  switch (status) {
    case 401:
    case 403:
      return new MillraceError({
        kind: 'systemic',
        code: 'MR-REGISTRY-UNAUTHORISED',
        message: says,
        remedy: "Check the registry's user name, password and permissions.",
        cause: thrown,
      });
    case 404:
      return new MillraceError({
        kind: 'data',
        code: UNKNOWN_SCHEMA,
        message: says,
        remedy: 'Check that the record was written against this registry.',
        cause: thrown,
      });
    case 409:
      return new MillraceError({
        kind: 'halt',
        code: 'MR-REGISTRY-INCOMPATIBLE',
        message: says,
        remedy:
          'Make the change compatible (new fields optional), or start a new generation of the pipeline.',
        cause: thrown,
      });
    case 422:
      return new MillraceError({
        kind: 'halt',
        code: 'MR-REGISTRY-INVALID-SCHEMA',
        message: says,
        remedy: 'Correct the names and types of the record.',
        cause: thrown,
      });
    default:
      return new MillraceError({
        kind: 'transient',
        code: 'MR-REGISTRY-UNAVAILABLE',
        message: says,
        remedy: 'Nothing if it passes; otherwise check that the registry runs and can be reached.',
        cause: thrown,
      });
  }
}
