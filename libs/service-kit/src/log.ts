import type { LogLevel } from '@millrace/config';
import type { Clock } from '@millrace/core';
import { type DestinationStream, destination, type Logger, pino } from 'pino';
import type { Redactor } from './redaction.ts';

/** Lines of JSON, redacted. The one way to the process's output. */
export interface Log {
  write(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void;
  enabled(level: LogLevel): boolean;
}

export interface LogSettings {
  readonly level: LogLevel;
  /** On every line: service, version, instance. */
  readonly base: Readonly<Record<string, string>>;
  readonly redactor: Redactor;
  readonly clock: Clock;
  /** Default: standard output, written at once, so that the last lines of a dying process are there. */
  readonly output?: DestinationStream;
}

export function createLog(settings: LogSettings): Log {
  const { redactor, clock } = settings;
  const logger: Logger = pino(
    {
      level: settings.level,
      base: settings.base,
      timestamp: () => `,"time":"${new Date(clock.now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    settings.output ?? standardOutput(),
  );
  return {
    enabled: (level) => logger.isLevelEnabled(level),
    write(level, message, fields) {
      if (logger.isLevelEnabled(level)) logger[level](redactor.fields(fields), redactor.text(message));
    },
  };
}

function standardOutput(): DestinationStream {
  const stream = destination({ fd: 1, sync: true });
  // Whoever read our output is gone: there is nobody left to tell, and the work goes on.
  stream.on('error', () => undefined);
  return stream;
}
