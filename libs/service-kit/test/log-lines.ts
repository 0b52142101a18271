import { systemClock } from '@millrace/core';
import { createLog, type Log } from '../src/log.ts';
import { Redactor } from '../src/redaction.ts';

/** A log that keeps its lines. */
export function keptLog(level: 'debug' | 'info' = 'info', redactor: Redactor = new Redactor()) {
  const lines: Record<string, unknown>[] = [];
  const output = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const log: Log = createLog({ level, base: { service: 'test' }, redactor, clock: systemClock, output });
  return { log, lines };
}
