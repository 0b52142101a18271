import type { Namespace, UAFolder, UAVariable } from 'node-opcua-address-space';
import { OPCUACertificateManager } from 'node-opcua-certificate-manager';
import { DataType, MessageSecurityMode, SecurityPolicy, Variant } from 'node-opcua-client';
import { nodesets } from 'node-opcua-nodesets';
import { OPCUAServer } from 'node-opcua-server';

const URI = 'urn:plant';

export interface PlantServerOptions {
  readonly port: number;
  /** Keeps its certificates. */
  readonly folder: string;
  /** Namespaces registered in front of the plant's, which shift its index. */
  readonly extraNamespaces?: number;
  readonly secure?: boolean;
}

/** A server whose tags count: each value is issued once, so that what arrives can be compared with what was issued. */
export class PlantServer implements AsyncDisposable {
  readonly #server: OPCUAServer;
  readonly #namespace: Namespace;
  readonly #area: UAFolder;
  readonly #tags = new Map<string, { readonly node: UAVariable; sequence: number }>();

  private constructor(server: OPCUAServer, namespace: Namespace, area: UAFolder) {
    this.#server = server;
    this.#namespace = namespace;
    this.#area = area;
  }

  static async start(options: PlantServerOptions): Promise<PlantServer> {
    const { port, folder, extraNamespaces = 0, secure = false } = options;
    const serverCertificateManager = new OPCUACertificateManager({
      rootFolder: folder,
      automaticallyAcceptUnknownCertificate: true,
    });
    await serverCertificateManager.initialize();
    const server = new OPCUAServer({
      port,
      host: '127.0.0.1',
      nodeset_filename: [nodesets.standard],
      serverCertificateManager,
      securityModes: [secure ? MessageSecurityMode.SignAndEncrypt : MessageSecurityMode.None],
      securityPolicies: secure
        ? [SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes256_Sha256_RsaPss]
        : [SecurityPolicy.None],
      allowAnonymous: true,
      // Every change is reported, none is sampled away.
      serverCapabilities: { minSupportedSampleRate: 0 },
    });
    await server.initialize();
    const space = server.engine.addressSpace;
    if (!space) throw new Error('no address space');
    for (let i = 0; i < extraNamespaces; i += 1) space.registerNamespace(`urn:extra:${i}`);
    const namespace = space.registerNamespace(URI) as Namespace;
    const site = namespace.addFolder(space.rootFolder.objects, { browseName: 'Site', nodeId: 's=Site' });
    const area = namespace.addFolder(site, { browseName: 'Area', nodeId: 's=Site.Area' });
    // A circle: browsing has to end all the same.
    area.addReference({ referenceType: 'Organizes', nodeId: site.nodeId });
    await server.start();
    return new PlantServer(server, namespace, area as UAFolder);
  }

  get endpoint(): string {
    return `opc.tcp://127.0.0.1:${this.#server.endpoints[0]?.port ?? 0}`;
  }

  addTag(name: string, sequence = 0, history = false): void {
    const node = this.#namespace.addVariable({
      componentOf: this.#area,
      browseName: name,
      nodeId: `s=Site.Area.${name}`,
      dataType: 'Double',
      minimumSamplingInterval: 0,
      value: new Variant({ dataType: DataType.Double, value: sequence }),
    });
    if (history) node.addressSpace.installHistoricalDataNode(node as UAVariable, { maxOnlineValues: 10_000 });
    this.#tags.set(name, { node: node as UAVariable, sequence });
  }

  addValue(name: string, dataType: DataType, value: unknown, isArray = false): void {
    this.#namespace.addVariable({
      componentOf: this.#area,
      browseName: name,
      nodeId: `s=Site.Area.${name}`,
      dataType: DataType[dataType],
      ...(isArray && { valueRank: 1 }),
      value: new Variant({ dataType, value, arrayType: isArray ? 1 : 0 }),
    });
  }

  removeTag(name: string): number {
    const tag = this.#tags.get(name);
    if (!tag) throw new Error(`no tag ${name}`);
    this.#namespace.deleteNode(tag.node);
    this.#tags.delete(name);
    return tag.sequence;
  }

  /** The next value of every tag; returns it. */
  issue(): number {
    let last = 0;
    for (const tag of this.#tags.values()) {
      tag.sequence += 1;
      tag.node.setValueFromSource({ dataType: DataType.Double, value: tag.sequence });
      last = tag.sequence;
    }
    return last;
  }

  get subscriptions(): number {
    return this.#server.currentSubscriptionCount;
  }

  get sessions(): number {
    return this.#server.currentSessionCount;
  }

  /** Of the channels that are open. */
  get policies(): string[] {
    const channels = this.#server.endpoints.flatMap((endpoint) => endpoint.getChannels());
    return [...new Set(channels.map((channel) => channel.securityPolicy.split('#')[1] ?? ''))];
  }

  async stop(): Promise<void> {
    await this.#server.shutdown(10);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
