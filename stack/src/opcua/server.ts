import { setTimeout as delay } from 'node:timers/promises';
import type { AddressSpace } from 'node-opcua-address-space';
import { MessageSecurityMode, SecurityPolicy } from 'node-opcua-client';
import { OPCUAServer, type ServerSession } from 'node-opcua-server';
import { PlantNodes } from './address-space.ts';
import { APPLICATION_URI, openCertificates } from './certificates.ts';
import { deliverEachReading, FASTEST_MS, PublishGate } from './mended.ts';
import type { Plant, Reading } from './plant.ts';

/** What the server enforces and tells in its OperationLimits; `BadTooManyOperations` beyond. */
export interface OpcuaOperationLimits {
  readonly maxNodesPerRead?: number;
  readonly maxNodesPerBrowse?: number;
  readonly maxMonitoredItemsPerCall?: number;
  readonly maxNodesPerHistoryReadData?: number;
  readonly maxNodesPerTranslateBrowsePathsToNodeIds?: number;
}

export interface PlantServerConfig {
  readonly folder: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly operationLimits: OpcuaOperationLimits;
}

const POLICIES = [
  SecurityPolicy.None,
  SecurityPolicy.Basic256Sha256,
  SecurityPolicy.Aes128_Sha256_RsaOaep,
  SecurityPolicy.Aes256_Sha256_RsaPss,
];
const MODES = [MessageSecurityMode.None, MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt];
const MANY = 200_000;

type Request = Parameters<OPCUAServer['on_request']>;

/** One life of the server at a time over a plant that outlives it, and the faults that last until they are healed. */
export class PlantServer {
  readonly #config: PlantServerConfig;
  readonly #plant: Plant;
  readonly #updateMs: () => number;
  #gate = new PublishGate();
  #server: OPCUAServer | undefined;
  #held = new Map<() => void, NodeJS.Timeout | undefined>();
  #stalled = false;
  #delayMs = 0;
  #refuseCertificates = false;
  #insertedNamespaces = 0;
  #generation = 0;
  nodes: PlantNodes | undefined;
  certificateFile = '';

  constructor(config: PlantServerConfig, plant: Plant, updateMs: () => number) {
    this.#config = config;
    this.#plant = plant;
    this.#updateMs = updateMs;
  }

  get sessions(): ServerSession[] {
    return this.#server?.engine.getSessions() ?? [];
  }

  get counts() {
    const subscriptions = this.sessions.flatMap((session) => session.publishEngine.subscriptions);
    return {
      connections:
        this.#server?.endpoints.reduce((sum, endpoint) => sum + endpoint.currentChannelCount, 0) ?? 0,
      sessions: this.sessions.length,
      subscriptions: subscriptions.length,
      monitoredItems: subscriptions.reduce((sum, { monitoredItemCount }) => sum + monitoredItemCount, 0),
    };
  }

  async start(): Promise<void> {
    const { folder, port, user, password, operationLimits } = this.#config;
    const certificates = await openCertificates(folder, this.#generation, () => this.#refuseCertificates);
    this.certificateFile = certificates.certificateFile;
    const server = new OPCUAServer({
      host: '127.0.0.1',
      hostname: '127.0.0.1',
      port,
      serverInfo: { applicationUri: APPLICATION_URI, applicationName: { text: 'Millrace simulator' } },
      certificateFile: certificates.certificateFile,
      privateKeyFile: certificates.privateKeyFile,
      serverCertificateManager: certificates.clients,
      userCertificateManager: certificates.users,
      securityPolicies: POLICIES,
      securityModes: MODES,
      allowAnonymous: true,
      userManager: { isValidUser: (name: string, word: string) => name === user && word === password },
      isAuditing: false,
      maxConnectionsPerEndpoint: 100,
      serverCapabilities: {
        maxSessions: 100,
        maxMonitoredItems: MANY,
        maxMonitoredItemsPerSubscription: MANY,
        minSupportedSampleRate: FASTEST_MS,
        operationLimits,
      },
    });
    await server.initialize();
    const space = server.engine.addressSpace as AddressSpace;
    this.nodes = new PlantNodes(space, this.#plant, this.#insertedNamespaces);
    this.#intercept(server);
    await server.start();
    this.#server = server;
  }

  /** Resolves when it is back. Readings go on being issued meanwhile. */
  async restart(shiftNamespaces: boolean, newCertificate: boolean, downMs: number): Promise<void> {
    await this.stop();
    await delay(downMs);
    if (shiftNamespaces) this.#insertedNamespaces += 1;
    if (newCertificate) this.#generation += 1;
    await this.start();
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.nodes = undefined;
    this.#held = new Map();
    this.#gate = new PublishGate();
    await server?.shutdown(0);
  }

  show(id: string, reading: Reading): void {
    this.nodes?.show(id, reading);
  }

  cut(): void {
    for (const endpoint of this.#server?.endpoints ?? []) endpoint.abruptlyInterruptChannels();
  }

  dropSessions(): void {
    for (const session of this.sessions)
      this.#server?.engine.closeSession(session.authenticationToken, true, 'Terminated');
  }

  dropSubscriptions(): void {
    for (const session of this.sessions)
      for (const subscription of [...session.publishEngine.subscriptions]) {
        // What it has not delivered would be delivered first, and tell of its end.
        subscription._flushSentNotifications();
        session.deleteSubscription(subscription.id);
      }
  }

  silence(): void {
    this.#gate.close(this.sessions);
  }

  stall(): void {
    this.#stalled = true;
  }

  slow(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  refuseCertificates(): void {
    this.#refuseCertificates = true;
  }

  heal(): void {
    this.#stalled = false;
    this.#delayMs = 0;
    this.#refuseCertificates = false;
    for (const [answer, timer] of this.#held) {
      clearTimeout(timer);
      answer();
    }
    this.#held.clear();
    this.#gate.open();
  }

  #intercept(server: OPCUAServer): void {
    server.on('create_session', (session: ServerSession) => {
      this.#gate.watch(session);
      session.on('new_subscription', (subscription) => deliverEachReading(subscription, this.#updateMs));
    });
    const answer = server.on_request.bind(server);
    server.on_request = (...[message, channel]: Request) => {
      const late = () => {
        this.#held.delete(late);
        if (server === this.#server && channel.isOpened) answer(message, channel);
      };
      if (this.#stalled) this.#held.set(late, undefined);
      else if (this.#delayMs > 0) this.#held.set(late, setTimeout(late, this.#delayMs));
      else answer(message, channel);
    };
  }
}
