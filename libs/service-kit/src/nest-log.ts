import type { LogLevel } from '@millrace/config';
import type { LoggerService } from '@nestjs/common';
import type { Log } from './log.ts';

/** Nest's own words, in our log: its chatter at start-up as debug. */
export function nestLogger(log: Log): LoggerService {
  const writer =
    (level: LogLevel) =>
    (message: unknown, ...rest: unknown[]): void => {
      const context = rest.at(-1);
      log.write(level, typeof message === 'string' ? message : 'nest', {
        event: 'nest',
        ...(typeof context === 'string' && { context }),
        ...(typeof message === 'object' && { error: message }),
        ...(rest.length > 1 && { detail: rest.slice(0, -1) }),
      });
    };
  return {
    log: writer('debug'),
    debug: writer('debug'),
    verbose: writer('debug'),
    warn: writer('warn'),
    error: writer('error'),
    fatal: writer('error'),
  };
}
