import { asMillraceError } from '@millrace/core';
import { NO_STYLE, type Style } from '../text/style.ts';
import { toJsonText } from '../values/render.ts';

/** Where a command writes: results to stdout, everything else to stderr. */
export interface Output {
  /** Whether results are JSON. */
  readonly json: boolean;
  readonly style: Style;
  line(text?: string): void;
  lines(texts: readonly string[]): void;
  /** The one JSON document of a command. */
  document(value: unknown): void;
  /** One JSON document of many, on a line of its own. */
  record(value: unknown): void;
  /** For people only: stderr. */
  note(text: string): void;
}

export interface Streams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

export function createOutput(streams: Streams, json: boolean, style: Style): Output {
  const out = (text: string): void => {
    streams.stdout.write(`${text}\n`);
  };
  return {
    json,
    style: json ? NO_STYLE : style,
    line: (text = '') => out(text),
    lines: (texts) => out(texts.join('\n')),
    document: (value) => out(toJsonText(value, 2)),
    record: (value) => out(toJsonText(value)),
    note: (text) => {
      streams.stderr.write(`${text}\n`);
    },
  };
}

/** An error as people read it, or as one JSON line: code, what, remedy. No payloads: errors carry none. */
export function errorText(thrown: unknown, json: boolean, style: Style): string {
  const { code, message, remedy } = asMillraceError(thrown);
  if (json) return toJsonText({ error: { code, message, remedy: remedy ?? null } });
  return `${style.bad('error')} ${code}: ${message}${remedy === undefined ? '' : `\n  ${remedy}`}`;
}

/** 2 when what we were told makes no sense, 1 for everything else. */
export function exitCodeFor(thrown: unknown): 1 | 2 {
  return asMillraceError(thrown).kind === 'config' ? 2 : 1;
}
