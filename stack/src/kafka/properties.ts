/** Where one broker of the cluster listens. */
export interface BrokerAddress {
  readonly id: number;
  readonly port: number;
  readonly controllerPort: number;
}

/**
 * The `server.properties` of one combined broker and controller.
 * Three brokers: replication factor 3 and two in-sync replicas at least, so that one of them may be away.
 */
export function serverProperties(
  self: BrokerAddress,
  cluster: readonly BrokerAddress[],
  dataFolder: string,
  overrides: Readonly<Record<string, string>> = {},
): string {
  const replicas = String(cluster.length === 3 ? 3 : 1);
  const inSync = String(cluster.length === 3 ? 2 : 1);
  const properties: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': String(self.id),
    'controller.quorum.voters': cluster.map((b) => `${b.id}@127.0.0.1:${b.controllerPort}`).join(','),
    listeners: `PLAINTEXT://127.0.0.1:${self.port},CONTROLLER://127.0.0.1:${self.controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${self.port}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': dataFolder,
    'auto.create.topics.enable': 'false',
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'group.initial.rebalance.delay.ms': '0',
    // One partition each: fifty log folders a topic cost seconds of start, and nobody needs them here.
    'offsets.topic.num.partitions': '1',
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.num.partitions': '1',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    'log.cleaner.dedupe.buffer.size': '8388608',
    'num.network.threads': '2',
    'num.io.threads': '4',
    // A dead broker is noticed in seconds, so that tests of leader moves need not wait for nine.
    'broker.session.timeout.ms': '6000',
    'broker.heartbeat.interval.ms': '1000',
    ...overrides,
  };
  return `${Object.entries(properties)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')}\n`;
}
