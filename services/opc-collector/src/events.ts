import { counter, type EventTable, gauge, histogram } from '@millrace/service-kit';
import type { Remedy } from './domain/escalation.ts';
import { type Gap, gapText } from './domain/gap.ts';
import type { PublishEvent } from './spool/publish.ts';
import type { SpoolEvent } from './spool/writer.ts';

const received = counter('millrace_opc_readings_total', 'Readings received from the server', ['server']);
const spooled = counter('millrace_opc_spooled_total', 'Readings synced to disk', ['server']);
const published = counter('millrace_opc_published_total', 'Readings published to the raw topic', ['server']);
const lost = counter('millrace_opc_lost_total', 'Readings lost, by why', ['server', 'reason']);
const gaps = counter('millrace_opc_gaps_total', 'Gaps written, by why', ['server', 'reason']);
const serverUp = gauge('millrace_opc_server_up', '1 while a session with the server is open', ['server']);
const tags = gauge('millrace_opc_tags', 'Tags that are collected', ['server']);
const asideCount = gauge('millrace_opc_tags_set_aside', 'Tags that cannot be collected now', ['server']);
const spoolBytes = gauge('millrace_opc_spool_bytes', 'Unpublished bytes on disk', ['server']);
const syncSeconds = histogram(
  'millrace_opc_sync_seconds',
  'Duration of a write and sync of the spool',
  [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
);

export type CollectorEvent =
  | SpoolEvent
  | PublishEvent
  | { readonly type: 'server-up'; readonly server: string; readonly tags: number; readonly security: string }
  | {
      readonly type: 'server-lost';
      readonly server: string;
      readonly error: Error;
      readonly retryInMs: number;
      readonly loud: boolean;
    }
  | {
      readonly type: 'stale';
      readonly server: string;
      readonly group: string;
      readonly silentMs: number;
      readonly remedy: Remedy;
    }
  | {
      readonly type: 'subscription-ended';
      readonly server: string;
      readonly group: string;
      readonly reason: string;
    }
  | {
      readonly type: 'tag-set-aside';
      readonly server: string;
      readonly node: string;
      readonly reason: string;
    }
  | { readonly type: 'tag-back'; readonly server: string; readonly node: string }
  | {
      readonly type: 'received';
      readonly server: string;
      readonly readings: number;
      readonly tags: number;
      readonly setAside: number;
      readonly spoolBytes: number;
    }
  | {
      readonly type: 'spool-found';
      readonly server: string;
      readonly spoolId: string;
      readonly bytes: number;
    }
  | { readonly type: 'spool-published'; readonly server: string; readonly spoolId: string }
  | {
      readonly type: 'publish-trouble';
      readonly server: string;
      readonly error: Error;
      readonly retryInMs: number | null;
    }
  | { readonly type: 'spool-left'; readonly server: string; readonly bytes: number }
  | { readonly type: 'backfilled'; readonly server: string; readonly readings: number; readonly tags: number }
  | { readonly type: 'backfill-failed'; readonly server: string; readonly error: Error };

/** Each event of the collector with its log line and its metrics. */
export const COLLECTOR_EVENTS: EventTable<CollectorEvent> = {
  'server-up': {
    level: 'info',
    message: (event) => `${event.server}: collecting ${event.tags} tags (${event.security})`,
    metrics: (meter, event) => {
      meter.set(serverUp, 1, { server: event.server });
      meter.set(tags, event.tags, { server: event.server });
    },
  },
  'server-lost': {
    level: (event) => (event.loud ? 'error' : 'warn'),
    message: (event) => event.error.message,
    metrics: (meter, event) => meter.set(serverUp, 0, { server: event.server }),
  },
  stale: {
    level: 'warn',
    message: (event) =>
      `${event.server}: group ${event.group} has been silent for ${Math.round(event.silentMs / 1_000)} s; new ${event.remedy}`,
  },
  'subscription-ended': {
    level: 'warn',
    message: (event) =>
      `${event.server}: the server ended the subscription of ${event.group} (${event.reason})`,
  },
  'tag-set-aside': {
    level: 'warn',
    message: (event) =>
      `${event.server}: ${event.node} cannot be collected (${event.reason}); it is tried again`,
  },
  'tag-back': { level: 'info', message: (event) => `${event.server}: ${event.node} is collected again` },
  received: {
    level: 'none',
    message: 'Received',
    metrics: (meter, event) => {
      const { server } = event;
      meter.add(received, event.readings, { server });
      meter.set(tags, event.tags, { server });
      meter.set(asideCount, event.setAside, { server });
      meter.set(spoolBytes, event.spoolBytes, { server });
    },
  },
  spooled: {
    level: 'none',
    message: 'Spooled',
    metrics: (meter, event) => {
      meter.add(spooled, event.readings, { server: event.server });
      meter.observe(syncSeconds, event.ms / 1_000);
    },
  },
  'spool-failed': {
    level: 'error',
    message: (event) =>
      `${event.server}: the disk does not take readings; they are kept in memory, within bounds`,
  },
  'spool-recovered': { level: 'info', message: (event) => `${event.server}: the disk takes readings again` },
  'spool-full': {
    level: 'error',
    message: (event) => `${event.server}: the spool is full (overflow: ${event.overflow})`,
  },
  'spool-room': { level: 'info', message: (event) => `${event.server}: the spool has room again` },
  'readings-lost': {
    level: 'error',
    message: (event) => `${event.server}: ${event.count} readings lost (${event.reason})`,
    metrics: (meter, event) => meter.add(lost, event.count, { server: event.server, reason: event.reason }),
  },
  'spool-found': {
    level: 'info',
    message: (event) =>
      `${event.server}: spool ${event.spoolId} was left with ${event.bytes} bytes; it is published`,
  },
  'spool-published': {
    level: 'info',
    message: (event) => `${event.server}: spool ${event.spoolId} is published to its end`,
  },
  'spool-left': {
    level: 'warn',
    message: (event) => `${event.server}: ${event.bytes} bytes stay in the spool for the next start here`,
  },
  'publish-trouble': { level: 'warn', message: (event) => `${event.server}: ${event.error.message}` },
  committed: {
    level: 'none',
    message: 'Committed',
    metrics: (meter, event) => meter.add(published, event.rows, { server: event.server }),
  },
  gap: {
    level: 'warn',
    message: ({ gap }: { readonly gap: Gap }) => `${gap.server}: ${gapText(gap)}`,
    metrics: (meter, { gap }) => meter.add(gaps, 1, { server: gap.server, reason: gap.reason }),
  },
  'load-published': {
    level: 'info',
    message: (event) => `${event.server}: load ${event.loadId} is published: ${event.rows} readings`,
  },
  'load-lost': {
    level: 'error',
    message: (event) => `${event.server}: ${event.readings} readings of load ${event.loadId} are lost`,
  },
  backfilled: {
    level: 'info',
    message: (event) => `${event.server}: ${event.readings} readings of ${event.tags} tags came from history`,
  },
  'backfill-failed': { level: 'warn', message: (event) => `${event.server}: history cannot be read` },
};
