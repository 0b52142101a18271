import { formatCount } from '@millrace/cli';
import type { LoadAccount } from '@millrace/contracts';

const PLAIN_LINE_EVERY_MS = 3_000;

/** How far an example is, for people: one line that changes on a terminal, a new one now and then otherwise. */
export interface Progress {
  /** A line that stays. */
  line(text: string): void;
  /** The line that changes. */
  live(text: string): void;
}

/** @param stream where it goes: stderr, stdout is for results */
export function createProgress(stream: NodeJS.WriteStream, now: () => number): Progress {
  const isTerminal = stream.isTTY === true;
  let shown = false;
  let lastAt = Number.NEGATIVE_INFINITY;
  let lastText = '';
  const clear = (): void => {
    if (shown) stream.write('\r\u001b[K');
    shown = false;
  };
  return {
    line(text) {
      clear();
      stream.write(`${text}\n`);
    },
    live(text) {
      if (isTerminal) {
        clear();
        stream.write(text.slice(0, (stream.columns ?? 80) - 1));
        shown = true;
        return;
      }
      if (text === lastText || now() - lastAt < PLAIN_LINE_EVERY_MS) return;
      lastAt = now();
      lastText = text;
      stream.write(`${text}\n`);
    },
  };
}

/** One line: loads done, rows on their way and in the tables. */
export function progressText(
  loads: readonly LoadAccount[],
  expected: { readonly loads: number; readonly rows: number | null },
  seconds: number,
): string {
  const done = loads.filter(({ state }) => state !== 'open').length;
  const published = loads.reduce((sum, load) => sum + load.published.n, 0);
  const accounted = loads.reduce((sum, load) => sum + accountedRows(load), 0);
  const rows = expected.rows === null ? '' : ` of ${formatCount(expected.rows)}`;
  return (
    `${done} of ${Math.max(expected.loads, loads.length)} loads · ${formatCount(published)}${rows} rows published` +
    ` · ${formatCount(accounted)} accounted for · ${seconds.toFixed(0)} s`
  );
}

/** Rows of which it is known where they ended. */
function accountedRows(load: LoadAccount): number {
  const sinks = Object.values(load.sinks).filter(({ owes }) => owes);
  const inTables =
    sinks.length === 0 ? 0 : Math.min(...sinks.map(({ applied, rejected }) => applied.n + rejected.n));
  return load.rejectedAtSource.n + load.duplicates.n + load.filtered.n + load.rejected.n + inTables;
}
