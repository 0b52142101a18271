import type { KafkaEvent } from '@millrace/kafka';
import { counter, gauge } from './meter.ts';
import type { EventTable, Telemetry } from './telemetry.ts';

const CONNECTED = gauge('millrace_kafka_connected', '1 while the last request to Kafka succeeded.');
const LOST = counter('millrace_kafka_connection_losses_total', 'Times that Kafka was lost.');
const ASSIGNED = gauge('millrace_kafka_assigned_partitions', 'Partitions assigned to this process.', [
  'group',
]);
const RUNNER_FAILURES = counter('millrace_partition_failures_total', 'Failures of partition runners.', [
  'group',
]);

export const KAFKA_EVENTS: EventTable<KafkaEvent> = {
  'broker-lost': {
    level: 'warn',
    message: 'Kafka is lost; trying again until it is back',
    metrics(meter) {
      meter.set(CONNECTED, 0);
      meter.add(LOST, 1);
    },
  },
  'broker-back': {
    level: 'info',
    message: 'Kafka is back',
    metrics: (meter) => meter.set(CONNECTED, 1),
  },
  assigned: {
    level: 'info',
    message: (event) => `${event.partitions.length} partitions assigned`,
    metrics: (meter, event) => meter.set(ASSIGNED, event.partitions.length, { group: event.groupId }),
  },
  'runner-failed': {
    level: (event) => (event.retryInMs === null ? 'error' : 'warn'),
    message: (event) =>
      event.retryInMs === null ? 'partition stopped until a person acts' : 'partition failed, trying again',
    metrics: (meter, event) => meter.add(RUNNER_FAILURES, 1, { group: event.groupId }),
  },
  'runner-recovered': { level: 'info', message: 'partition works again' },
  // The client library's connection attempts come as `debug`: the changes that matter are the events above.
  'client-log': { level: (event) => event.level, message: (event) => event.message },
};

/** Passes events on; losing what is lost already, or getting back what was not lost, is no change and says nothing. */
export function onlyChanges(telemetry: Telemetry<KafkaEvent>): (event: KafkaEvent) => void {
  let lost = false;
  return (event) => {
    if (event.type === 'broker-lost' || event.type === 'broker-back') {
      const isLost = event.type === 'broker-lost';
      if (isLost === lost) return;
      lost = isLost;
    }
    telemetry.emit(event);
  };
}
