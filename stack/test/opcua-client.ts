import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OPCUACertificateManager } from 'node-opcua-certificate-manager';
import {
  AttributeIds,
  BrowseDirection,
  type ClientSession,
  type ClientSessionPublishService,
  type ClientSessionRawSubscriptionService,
  type DataChangeNotification,
  type DataValue,
  MessageSecurityMode,
  MonitoringMode,
  OPCUAClient,
  PublishRequest,
  type PublishResponse,
  SecurityPolicy,
  setErrorLogger,
  setWarningLogger,
  TimestampsToReturn,
  type UserIdentityInfo,
  UserTokenType,
} from 'node-opcua-client';
import { PLANT_NAMESPACE_URI } from '../src/index.ts';

// It tells at length, certificates included, what the tests provoke.
setWarningLogger(() => undefined);
setErrorLogger(() => undefined);

export interface Connection {
  readonly client: OPCUAClient;
  readonly session: BareSession;
  /** The index of the plant's namespace, as this session sees it. */
  readonly index: number;
}

export interface Login {
  readonly policy?: SecurityPolicy;
  readonly mode?: MessageSecurityMode;
  readonly user?: UserIdentityInfo;
}

export const ENCRYPTED = {
  policy: SecurityPolicy.Aes256_Sha256_RsaPss,
  mode: MessageSecurityMode.SignAndEncrypt,
} as const;

/** Clients of one stack: its server's certificate is trusted, no other. */
export class Clients {
  readonly #env: Readonly<Record<string, string>>;
  readonly #store: OPCUACertificateManager;
  readonly #open: Connection[] = [];

  constructor(env: Readonly<Record<string, string>>, folder: string) {
    this.#env = env;
    const rootFolder = join(folder, 'client-pki');
    const options = { automaticallyAcceptUnknownCertificate: false, disableFileWatchers: true };
    this.#store = new OPCUACertificateManager({ rootFolder, ...options });
  }

  async trust(certificateFile: string): Promise<void> {
    await this.#store.initialize();
    await this.#store.trustCertificate(new X509Certificate(await readFile(certificateFile)).raw);
  }

  make(login: Login = {}): OPCUAClient {
    return OPCUAClient.create({
      applicationName: 'stack test',
      clientCertificateManager: this.#store,
      securityPolicy: login.policy ?? SecurityPolicy.None,
      securityMode: login.mode ?? MessageSecurityMode.None,
      connectionStrategy: { maxRetry: 0 },
      endpointMustExist: false,
      // So that a test sees the server end a connection, not the client.
      transportTimeout: 600_000,
    });
  }

  async open(login: Login = {}): Promise<Connection> {
    const client = this.make(login);
    try {
      await client.connect(this.#env.OPCUA_ENDPOINT ?? '');
      const user = login.user ?? ({ type: UserTokenType.Anonymous } as const);
      const session = (await client.createSession(user)) as BareSession;
      const index = (await session.readNamespaceArray()).indexOf(PLANT_NAMESPACE_URI);
      const connection = { client, session, index };
      this.#open.push(connection);
      return connection;
    } catch (error) {
      await client.disconnect();
      throw error;
    }
  }

  async closeAll(): Promise<void> {
    // What a test has broken need not end well.
    await Promise.allSettled(this.#open.splice(0).map(({ client }) => client.disconnect()));
  }
}

/** Every variable below the plant, by its identifier, and how many references were followed. */
export async function browsePlant({
  session,
  index,
}: Connection): Promise<{ ids: string[]; visited: number }> {
  const seen = new Set<string>();
  const variables: string[] = [];
  let next = [`ns=${index};s=Plant`];
  let references = 0;
  while (next.length > 0) {
    const results = await session.browse(
      next.map((nodeId) => ({
        nodeId,
        browseDirection: BrowseDirection.Forward,
        referenceTypeId: 'HierarchicalReferences',
        includeSubtypes: true,
        resultMask: 63,
      })),
    );
    next = [];
    for (const reference of results.flatMap((result) => result.references ?? [])) {
      references += 1;
      const nodeId = reference.nodeId.toString();
      if (seen.has(nodeId) || reference.nodeId.namespace !== index) continue;
      seen.add(nodeId);
      if (reference.nodeClass === 2 && String(reference.nodeId.value).includes('/')) variables.push(nodeId);
      next.push(nodeId);
    }
  }
  const ids = variables.map((nodeId) => nodeId.slice(nodeId.indexOf(';s=') + 3));
  return { ids: ids.filter((id) => id.startsWith('Plant/')), visited: references };
}

/** The client's sessions have the bare services too, under names of their own. */
type BareSession = ClientSession & ClientSessionRawSubscriptionService & ClientSessionPublishService;

function publishOnce(session: BareSession): Promise<PublishResponse> {
  return new Promise((resolve, reject) => {
    session.publish(new PublishRequest({}), (error, response) => {
      if (error || response === undefined) reject(error ?? new Error('no response'));
      else resolve(response);
    });
  });
}

/** A subscription by the bare services, so that a test sees each answer as the server gives it. */
export class Watch {
  readonly received = new Map<string, DataValue[]>();
  readonly #connection: Connection;
  readonly #ids: readonly string[];
  /** How the publishing ended; undefined while it goes on. */
  ended: Error | undefined;

  private constructor(connection: Connection, ids: readonly string[]) {
    this.#connection = connection;
    this.#ids = ids;
    for (const id of ids) this.received.set(id, []);
  }

  static async start(
    connection: Connection,
    ids: readonly string[],
    { sampling = 10, publishing = 20, queue = 1_000 } = {},
  ): Promise<Watch> {
    const watch = new Watch(connection, ids);
    const { subscriptionId } = await connection.session.createSubscription({
      requestedPublishingInterval: publishing,
      requestedLifetimeCount: 10_000,
      requestedMaxKeepAliveCount: 10,
      maxNotificationsPerPublish: 0,
      publishingEnabled: true,
      priority: 1,
    });
    const { results } = await connection.session.createMonitoredItems({
      subscriptionId,
      timestampsToReturn: TimestampsToReturn.Both,
      itemsToCreate: ids.map((id, clientHandle) => ({
        itemToMonitor: { nodeId: `ns=${connection.index};s=${id}`, attributeId: AttributeIds.Value },
        monitoringMode: MonitoringMode.Reporting,
        requestedParameters: {
          clientHandle: clientHandle + 1,
          samplingInterval: sampling,
          queueSize: queue,
          discardOldest: true,
        },
      })),
    });
    const bad = results?.find((result) => result.statusCode.isNotGood());
    if (bad !== undefined) throw new Error(bad.statusCode.name);
    for (let request = 0; request < 3; request++) void watch.#publish();
    return watch;
  }

  async #publish(): Promise<void> {
    try {
      for (;;) {
        const { notificationMessage } = await publishOnce(this.#connection.session);
        for (const data of notificationMessage.notificationData ?? [])
          for (const { clientHandle, value } of (data as DataChangeNotification).monitoredItems ?? [])
            this.received.get(this.#ids[clientHandle - 1] ?? '')?.push(value);
      }
    } catch (error) {
      this.ended ??= error as Error;
    }
  }

  numbers(id: string): number[] {
    return (this.received.get(id) ?? []).map((value) => numberOf(value));
  }
}

/** 64-bit integers come as [high, low]. */
export function numberOf({ value }: DataValue): number {
  return Array.isArray(value.value) ? value.value[0] * 2 ** 32 + value.value[1] : Number(value.value);
}

export function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, offset) => first + offset);
}
