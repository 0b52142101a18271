import { z } from 'zod';
import { parseDuration, parseSize } from '../units.ts';

/**
 * The kinds of values that a pipeline file is made of. Each carries the sentence that the reference shows; `refine`
 * messages are `what is wrong|what to write instead`.
 */

export function text(about: string) {
  return z.string().min(1, 'This is empty.|Write a text.').describe(about);
}

/** A text that may be empty. */
export function anyText(about: string) {
  return z.string().describe(about);
}

export function integer(about: string, least: number, most: number) {
  return z
    .int()
    .min(least, `This is below ${least}.|Write a whole number from ${least} to ${most}.`)
    .max(most, `This is above ${most}.|Write a whole number from ${least} to ${most}.`)
    .describe(about);
}

export function flag(about: string) {
  return z.boolean().describe(about);
}

export function list<T extends z.ZodType>(item: T, about: string) {
  return z.array(item).describe(about);
}

/** Milliseconds in code. */
export function duration(about: string, leastMs: number, mostMs: number) {
  return z
    .string()
    .transform((value, context) => {
      const ms = parseDuration(value);
      if (ms === null) {
        const message = `'${value}' is not a duration.|Write a number and a unit, like 500ms, 2s, 1m30s, 12h or 14d.`;
        context.addIssue({ code: 'custom', message });
        return z.NEVER;
      }
      if (ms < leastMs || ms > mostMs) {
        const message = `'${value}' is out of bounds.|Write a duration from ${leastMs} ms to ${mostMs} ms.`;
        context.addIssue({ code: 'custom', message });
        return z.NEVER;
      }
      return ms;
    })
    .describe(about)
    .meta({ format: 'duration-text' });
}

/** Bytes in code. */
export function size(about: string, leastBytes: number, mostBytes: number) {
  return z
    .string()
    .transform((value, context) => {
      const bytes = parseSize(value);
      if (bytes === null || bytes < leastBytes || bytes > mostBytes) {
        const what = bytes === null ? 'is not a size' : 'is out of bounds';
        const message = `'${value}' ${what}.|Write a number and a unit, like 512B, 64KiB or 1MiB; ${leastBytes} to ${mostBytes} bytes.`;
        context.addIssue({ code: 'custom', message });
        return z.NEVER;
      }
      return bytes;
    })
    .describe(about)
    .meta({ format: 'size-text' });
}

/** Avro's rule, which is also CEL's. */
export const FIELD_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function fieldName(about: string) {
  return z
    .string()
    .regex(
      FIELD_NAME,
      'This is no field name.|Write letters, digits and underscores, not starting with a digit.',
    )
    .describe(about);
}

/** Names that become parts of topics, groups and metrics. */
export function streamName(about: string) {
  return z
    .string()
    .regex(
      /^[a-z][a-z0-9-]{0,59}$/,
      'This is no valid name.|Write lower-case letters, digits and hyphens, starting with a letter, at most 60 characters.',
    )
    .describe(about);
}
