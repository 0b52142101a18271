import type { Log } from './log.ts';
import type { Meter } from './meter.ts';
import type { Metrics } from './metrics.ts';

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

/** Whom the events are about: on each log line and metric. */
export interface TelemetryScope {
  readonly pipeline?: string;
  readonly sink?: string;
}

export interface TelemetryDeps {
  readonly log: Log;
  readonly metrics: Metrics;
}

/** One event emits its log line and its metrics; nothing else in a service writes either. */
export function createTelemetry<E extends { readonly type: string }>(
  deps: TelemetryDeps,
  table: EventTable<E>,
  scope: TelemetryScope = {},
): Telemetry<E> {
  const meter = deps.metrics.meter({ ...scope });
  return {
    emit(event) {
      // The table has an entry for each type of the union, of exactly that member: the compiler cannot follow both.
      const def = table[event.type as E['type']] as EventDef<E>;
      def.metrics?.(meter, event);
      const level = typeof def.level === 'function' ? def.level(event) : def.level;
      if (level === 'none' || !deps.log.enabled(level)) return;
      const message = typeof def.message === 'function' ? def.message(event) : def.message;
      const { type, ...fields } = event;
      deps.log.write(level, message, { event: type, ...scope, ...fields });
    },
  };
}
