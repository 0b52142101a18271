import { MillraceError } from '@millrace/core';
import type { Meter } from './meter.ts';

/** `none`: metrics only. */
export type EventLevel = 'none' | 'debug' | 'info' | 'warn' | 'error';

export interface EventDef<E> {
  readonly level: EventLevel | ((event: E) => EventLevel);
  /** One clear sentence; the event's fields stand beside it in the log line. */
  readonly message: string | ((event: E) => string);
  readonly metrics?: (meter: Meter, event: E) => void;
}

/** Each event of a union with its log line and its metrics: declared once, in the service's `events.ts`. */
export type EventTable<E extends { readonly type: string }> = {
  readonly [T in E['type']]: EventDef<Extract<E, { readonly type: T }>>;
};

export interface Telemetry<E> {
  emit(event: E): void;
}

export interface TelemetryContext {
  readonly service: string;
  /** On each log line and metric. */
  readonly pipeline?: string;
  readonly sink?: string;
}

export function createTelemetry<E extends { readonly type: string }>(
  _context: TelemetryContext,
  _table: EventTable<E>,
): Telemetry<E> {
  throw new MillraceError({ kind: 'bug', code: 'MR-BUG', message: 'not built yet' });
}
