import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { STACK_FOLDER } from '../cache.ts';
import { fetchWithMaven } from '../maven.ts';
import { type Part, type PartContext, type Restartable, Supervised } from '../part.ts';
import { run } from '../process/run.ts';
import { type BrokerAddress, serverProperties } from './properties.ts';

export const KAFKA_VERSION = '4.3.1';

const JVM = [
  '-Xms128m',
  '-Xmx512m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-XX:+ExitOnOutOfMemoryError',
];

export interface KafkaOptions {
  readonly brokers: 1 | 3;
  /** Additional lines of `server.properties`, for every broker. */
  readonly properties?: Readonly<Record<string, string>>;
  /** `<mechanism>=[name=…,password=…]` each. */
  readonly scram?: readonly string[];
}

/** One broker of the cluster. Its id counts from 1. */
export interface Broker extends Restartable {
  readonly id: number;
  readonly port: number;
  /** `127.0.0.1:<port>` */
  readonly address: string;
}

export interface Kafka extends Part {
  /** Comma-separated addresses of all brokers. */
  readonly bootstrap: string;
  readonly brokers: readonly Broker[];
  /** @throws RangeError for an id that is not there */
  broker(id: number): Broker;
  /** The classpath of the broker's jars, for Kafka's own tools. */
  readonly classpath: string;
}

class SupervisedBroker extends Supervised implements Broker {
  readonly id: number;
  readonly port: number;

  constructor(context: PartContext, address: BrokerAddress, classpath: string, propertiesFile: string) {
    super(context, {
      name: `kafka-${address.id}`,
      command: 'java',
      args: [
        ...JVM,
        `-Dlog4j2.configurationFile=${join(STACK_FOLDER, 'kafka', 'log4j2.properties')}`,
        '-cp',
        classpath,
        'kafka.Kafka',
        propertiesFile,
      ],
      ready: { log: 'Kafka Server started' },
    });
    this.id = address.id;
    this.port = address.port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }
}

async function prepare(
  context: PartContext,
  address: BrokerAddress,
  cluster: readonly BrokerAddress[],
  classpath: string,
  options: KafkaOptions,
): Promise<SupervisedBroker> {
  const folder = join(context.state.dir, `kafka-${address.id}`);
  const data = join(folder, 'data');
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'server.properties');
  await writeFile(file, serverProperties(address, cluster, data, options.properties));
  if (!existsSync(join(data, 'meta.properties'))) {
    // Any 16 bytes in base 64 make a cluster id; it must not begin with a dash.
    const clusterId = context.state.secret(
      'kafka.clusterId',
      () => `m${randomBytes(16).toString('base64url').slice(1)}`,
    );
    const format = ['kafka.tools.StorageTool', 'format', '--ignore-formatted', '-t', clusterId, '-c', file];
    await run('java', [
      '-Xmx128m',
      '-XX:TieredStopAtLevel=1',
      '-XX:+UseSerialGC',
      '-cp',
      classpath,
      ...format,
      ...(options.scram ?? []).flatMap((credential) => ['--add-scram', credential]),
    ]);
  }
  return new SupervisedBroker(context, address, classpath, file);
}

/** Starts Apache Kafka in KRaft mode, one broker or three. */
export async function startKafka(context: PartContext, options: KafkaOptions): Promise<Kafka> {
  const folder = await fetchWithMaven('kafka', 'dependency:copy-dependencies');
  const classpath = join(folder, 'libs', '*');
  const addresses: BrokerAddress[] = [];
  for (let id = 1; id <= options.brokers; id++) {
    const port = await context.state.port(`kafka-${id}`);
    addresses.push({ id, port, controllerPort: await context.state.port(`kafka-${id}-controller`) });
  }
  // Cluster id first, once: the three would otherwise each make one.
  const [first, ...others] = addresses;
  if (first === undefined) throw new RangeError('a cluster has at least one broker');
  const brokers = [await prepare(context, first, addresses, classpath, options)];
  brokers.push(...(await Promise.all(others.map((a) => prepare(context, a, addresses, classpath, options)))));
  await Promise.all(brokers.map((broker) => broker.start()));

  const bootstrap = brokers.map((broker) => broker.address).join(',');
  return {
    env: { KAFKA_BROKERS: bootstrap },
    version: KAFKA_VERSION,
    bootstrap,
    brokers,
    classpath,
    broker(id) {
      const broker = brokers.find((b) => b.id === id);
      if (broker === undefined) throw new RangeError(`there is no broker ${id}`);
      return broker;
    },
    async stop() {
      await Promise.all(brokers.map((broker) => broker.end()));
    },
  };
}
