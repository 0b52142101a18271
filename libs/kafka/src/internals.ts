/**
 * The only file that reaches into kafkajs (`kafkajs/src/...`), which is frozen at 2.2.4 (see ADR 0001). What is used:
 * `Connection` (sockets, TLS, SASL, framing, request deadlines), the encoders and decoders of small requests, and the
 * group protocol's member metadata. Everything else of it stays unloaded.
 */
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

const require = createRequire(import.meta.url);
/** A module of kafkajs. Exported for the tests that compare our encoder and decoder with the stock ones. */
export const loadKafkajs = (path: string): unknown => require(`kafkajs/${path}`);
const load = loadKafkajs;

/** The version whose internals these types describe. */
export const KAFKAJS_VERSION = '2.2.4';
export const installedKafkajsVersion = (load('package.json') as { version: string }).version;

export interface KafkajsEncoder {
  readonly buffer: Buffer;
  writeInt8(value: number): KafkajsEncoder;
  writeInt16(value: number): KafkajsEncoder;
  writeInt32(value: number): KafkajsEncoder;
  writeInt64(value: number | bigint | string): KafkajsEncoder;
  writeString(value: string | null): KafkajsEncoder;
  writeBuffer(value: Buffer): KafkajsEncoder;
}

export interface WireRequest {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  encode(): Promise<KafkajsEncoder>;
}

/** One request with the decoder of its answer, as `Connection.send` takes it. */
export interface WireCall<T> {
  readonly request: WireRequest;
  readonly response: {
    decode(raw: Buffer): unknown;
    parse(decoded: unknown): T;
  };
  readonly requestTimeout?: number;
  readonly logResponseError?: boolean;
}

export type ApiVersions = Readonly<
  Record<number, { readonly minVersion: number; readonly maxVersion: number }>
>;

export interface KafkajsLogger {
  info(message: string, extra?: object): void;
  warn(message: string, extra?: object): void;
  error(message: string, extra?: object): void;
  debug(message: string, extra?: object): void;
  namespace(name: string): KafkajsLogger;
}

export interface SaslOptions {
  mechanism: string;
  username: string;
  password: string;
}

export interface KafkajsConnection {
  connect(): Promise<unknown>;
  disconnect(): Promise<unknown>;
  isConnected(): boolean;
  authenticate(): Promise<void>;
  setVersions(versions: ApiVersions): void;
  setSupportAuthenticationProtocol(supported: boolean): void;
  send<T>(call: WireCall<T>): Promise<T>;
  rejectRequests(error: Error): void;
}

export interface ConnectionOptions {
  host: string;
  port: number;
  clientId: string;
  logger: KafkajsLogger;
  connectionTimeout: number;
  requestTimeout: number;
  enforceRequestTimeout: boolean;
  ssl: object | null;
  sasl: SaslOptions | null;
  socketFactory: (at: { host: string; port: number; ssl: object | null; onConnect: () => void }) => Socket;
}

const StockConnection = load('src/network/connection.js') as new (
  options: ConnectionOptions,
) => KafkajsConnection & { readonly requestQueue: RequestQueue };

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

/**
 * A connection whose queue sets its timer only when something waits: stock kafkajs sets one after every answer,
 * with a negative delay, of which Node warns.
 */
export function createConnection(options: ConnectionOptions): KafkajsConnection {
  const connection = new StockConnection(options);
  const queue = connection.requestQueue;
  const schedule = queue.scheduleCheckPendingRequests.bind(queue);
  queue.scheduleCheckPendingRequests = () => {
    if (queue.pending.length > 0) schedule();
  };
  return connection;
}

export const Encoder = load('src/protocol/encoder.js') as new (initialSize?: number) => KafkajsEncoder;

interface RequestDefinition {
  readonly versions: readonly string[];
  protocol(options: { version: number }): (args: object) => WireCall<unknown>;
}

const apiKeys = load('src/protocol/requests/apiKeys.js') as Record<string, number>;
const definition = (folder: string): RequestDefinition =>
  load(`src/protocol/requests/${folder}/index.js`) as RequestDefinition;

/** What a request needs to know of the broker it goes to. */
export type CallFor<T> = (versions: ApiVersions) => WireCall<T>;

/**
 * A request in the highest version that both sides speak. The answer is handed over as decoded: kafkajs's own
 * parsers throw on the first error code, and ours have to look at each partition's.
 */
function call<T>(name: string, folder: string): (args: object) => CallFor<T> {
  const api = definition(folder);
  const apiKey = apiKeys[name] ?? -1;
  const best = Math.max(...api.versions.map(Number));
  return (args) => (versions) => {
    const supported = versions[apiKey];
    if (!supported) throw new Error(`the broker does not know ${name}`);
    const built = api.protocol({ version: Math.min(best, supported.maxVersion) })(args);
    return {
      ...built,
      response: { decode: (raw) => built.response.decode(raw), parse: (decoded) => decoded as T },
      logResponseError: false,
    };
  };
}

export interface RawMetadata {
  readonly brokers: readonly { nodeId: number; host: string; port: number }[];
  readonly clusterId: string | null;
  readonly controllerId: number;
  readonly topicMetadata: readonly {
    topicErrorCode: number;
    topic: string;
    partitionMetadata: readonly { partitionErrorCode: number; partitionId: number; leader: number }[];
  }[];
}

export interface RawCoordinator {
  readonly errorCode: number;
  readonly coordinator: { nodeId: number; host: string; port: number };
}

export interface RawListOffsets {
  readonly responses: readonly {
    topic: string;
    partitions: readonly { partition: number; errorCode: number; offset: string }[];
  }[];
}

export interface RawJoinGroup {
  readonly errorCode: number;
  readonly generationId: number;
  readonly groupProtocol: string | null;
  readonly leaderId: string;
  readonly memberId: string;
  readonly members: readonly { memberId: string; memberMetadata: Buffer }[];
}

export interface RawSyncGroup {
  readonly errorCode: number;
  readonly memberAssignment: Buffer;
}

export interface RawError {
  readonly errorCode: number;
}

export interface RawOffsetCommit {
  readonly responses: readonly {
    topic: string;
    partitions: readonly { partition: number; errorCode: number }[];
  }[];
}

export interface RawInitProducerId {
  readonly errorCode: number;
  readonly producerId: string;
  readonly producerEpoch: number;
}

export interface RawAddPartitions {
  readonly errors: readonly {
    topic: string;
    partitionErrors: readonly { partition: number; errorCode: number }[];
  }[];
}

export interface RawCreateTopics {
  readonly topicErrors: readonly { topic: string; errorCode: number; errorMessage: string | null }[];
}

export const calls = {
  metadata: call<RawMetadata>('Metadata', 'metadata'),
  findCoordinator: call<RawCoordinator>('GroupCoordinator', 'findCoordinator'),
  listOffsets: call<RawListOffsets>('ListOffsets', 'listOffsets'),
  joinGroup: call<RawJoinGroup>('JoinGroup', 'joinGroup'),
  syncGroup: call<RawSyncGroup>('SyncGroup', 'syncGroup'),
  heartbeat: call<RawError>('Heartbeat', 'heartbeat'),
  leaveGroup: call<RawError>('LeaveGroup', 'leaveGroup'),
  offsetCommit: call<RawOffsetCommit>('OffsetCommit', 'offsetCommit'),
  initProducerId: call<RawInitProducerId>('InitProducerId', 'initProducerId'),
  addPartitionsToTxn: call<RawAddPartitions>('AddPartitionsToTxn', 'addPartitionsToTxn'),
  endTxn: call<RawError>('EndTxn', 'endTxn'),
  createTopics: call<RawCreateTopics>('CreateTopics', 'createTopics'),
} as const;

/** ApiVersions in the version that every broker since 0.11 answers. */
export function apiVersionsCall(): WireCall<ApiVersions> {
  const built = definition('apiVersions').protocol({ version: 1 })({});
  return {
    ...built,
    response: {
      decode: (raw) => built.response.decode(raw),
      parse: (decoded) => {
        const { apiVersions } = decoded as {
          apiVersions: readonly { apiKey: number; minVersion: number; maxVersion: number }[];
        };
        return Object.fromEntries(apiVersions.map((v) => [v.apiKey, v]));
      },
    },
  };
}

export const supportsSaslAuthenticate = (versions: ApiVersions): boolean =>
  versions[apiKeys.SaslAuthenticate ?? -1] !== undefined;

const assigner = load('src/consumer/assignerProtocol.js') as {
  MemberMetadata: {
    encode(of: { version: number; topics: readonly string[]; userData: Buffer }): Buffer;
    decode(bytes: Buffer): { version: number; topics: string[]; userData: Buffer | null };
  };
  MemberAssignment: {
    encode(of: { version: number; assignment: Record<string, readonly number[]>; userData: Buffer }): Buffer;
    decode(bytes: Buffer): { assignment: Record<string, number[]> } | null;
  };
};

export const { MemberMetadata, MemberAssignment } = assigner;

const { createLogger, LEVELS } = load('src/loggers/index.js') as {
  createLogger(options: {
    level: number;
    logCreator: () => (entry: { label: string; namespace: string; log: { message: string } }) => void;
  }): KafkajsLogger;
  LEVELS: { NOTHING: number; ERROR: number; WARN: number; INFO: number; DEBUG: number };
};

/**
 * kafkajs's logger, handing on warnings and errors. Its extra fields are dropped: they can hold payloads. What it
 * says about each single connection attempt is for debugging: an outage is one event of ours.
 */
export function kafkajsLogger(
  onLine: (level: 'debug' | 'warn' | 'error', message: string) => void,
): KafkajsLogger {
  return createLogger({
    level: LEVELS.WARN,
    logCreator:
      () =>
      ({ label, namespace, log }) =>
        onLine(levelOf(label, namespace), `${namespace}: ${log.message}`),
  });
}

function levelOf(label: string, namespace: string): 'debug' | 'warn' | 'error' {
  if (namespace === 'Connection') return 'debug';
  return label === 'ERROR' ? 'error' : 'warn';
}
