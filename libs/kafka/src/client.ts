import { MillraceError } from '@millrace/core';
import { ensureTopics } from './admin/topics.ts';
import { Cluster } from './cluster/cluster.ts';
import { FetchHub } from './fetch/fetch-hub.ts';
import { listOffset, readOffsets } from './fetch/positions.ts';
import { readToEnd } from './fetch/read-to-end.ts';
import { GroupPartitionHost } from './membership/partition-host.ts';
import { BatchOutbox } from './produce/outbox.ts';
import { plainProduce } from './produce/plain-produce.ts';
import { takeOver } from './transaction/transactional-producer.ts';
import type { KafkaClient, KafkaDeps, KafkaSettings, Outbox } from './types.ts';

/**
 * Opens the process's one shared client. Does not fail when the cluster is away: it is looked for in the background,
 * `KafkaClient.connected` and the events tell. Errors: `config` (no or malformed brokers).
 */
export async function connectKafka(settings: KafkaSettings, deps: KafkaDeps): Promise<KafkaClient> {
  if (settings.brokers.length === 0) {
    throw new MillraceError({
      kind: 'config',
      code: 'MR-KAFKA-BROKERS',
      message: 'No Kafka brokers are given.',
      remedy: 'Give host:port, several separated by commas.',
    });
  }
  const cluster = new Cluster(settings, deps);
  // A failure is an event, and the probe that it starts goes on in the background.
  await cluster.refresh([]).catch(() => undefined);
  return clientOf(cluster, deps);
}

function clientOf(cluster: Cluster, deps: KafkaDeps): KafkaClient {
  const hub = new FetchHub(cluster);
  const hosts = new Set<GroupPartitionHost>();
  return {
    clusterId: () => cluster.clusterId(),
    get connected() {
      return cluster.availability.connected;
    },
    ensureTopics: (specs) => ensureTopics(cluster, specs),
    partitionCount: (topic) => cluster.partitionCount(topic),
    offsets: (topic, partition) => readOffsets(cluster, topic, partition),
    async offsetAt(topic, partition, timestampMs) {
      const offset = await listOffset(cluster, topic, partition, timestampMs);
      return offset >= 0 ? offset : (await readOffsets(cluster, topic, partition)).highWatermark;
    },
    fetch: (options) => hub.fetch(options),
    readToEnd: (topic, partition, options) => readToEnd(cluster, topic, partition, options),
    newOutbox: () => new BatchOutbox(deps.clock),
    takeOver: (transactionalId, signal) => takeOver(cluster, transactionalId, asBatches, signal),
    produce: (outbox, signal) => plainProduce(cluster, asBatches(outbox), signal),
    host(options) {
      const host = new GroupPartitionHost(cluster, deps, options);
      hosts.add(host);
      const forget = (): unknown => hosts.delete(host);
      host.done.then(forget, forget);
      return host;
    },
    async close() {
      // What could not be finished is for the host's owner to tell, who gets it from `stop` as well.
      await Promise.allSettled([...hosts].map((host) => host.stop()));
      cluster.close();
    },
  };
}

function asBatches(outbox: Outbox): BatchOutbox {
  if (outbox instanceof BatchOutbox) return outbox;
  throw new MillraceError({
    kind: 'bug',
    code: 'MR-BUG',
    message: 'This outbox does not come from newOutbox().',
  });
}
