import type { Pipeline } from './model.ts';
import type { Secret } from './secret.ts';

/** A pipeline whose records are readings of tags. */
export interface OpcuaPipeline extends Pipeline {
  readonly source: OpcuaSource;
}

export interface OpcuaSource {
  readonly kind: 'opcua';
  /** Name in load ids and logs. Default: the pipeline's name. */
  readonly name: string;
  readonly servers: readonly OpcuaServer[];
  /** A node in several groups belongs to the first. */
  readonly groups: readonly OpcuaGroup[];
  readonly spool: SpoolSettings;
  readonly onTruncation: 'halt' | 'gap';
}

export interface OpcuaServer {
  /** Unique in the pipeline; `clientId` of its readings. */
  readonly name: string;
  /** `opc.tcp://host:port/path`. */
  readonly endpoint: string;
  readonly security: {
    readonly mode: 'SignAndEncrypt' | 'Sign' | 'None';
    /** `best`, or the last part of the policy's URI. */
    readonly policy: string;
  };
  readonly auth:
    | { readonly kind: 'anonymous' }
    | { readonly kind: 'password'; readonly user: string; readonly password: Secret }
    /** PEM texts. */
    | { readonly kind: 'certificate'; readonly certificate: string; readonly privateKey: Secret };
  readonly requestTimeoutMs: number;
  /** Without a notification or keep-alive for this long a subscription counts as stale. */
  readonly staleAfterMs: number;
}

export interface OpcuaGroup {
  readonly name: string;
  /** Names of servers. */
  readonly servers: readonly string[];
  readonly browse: BrowseDef | null;
  /** Node ids as written, `nsu=…;s=…`. */
  readonly nodes: readonly string[];
  readonly read:
    | {
        readonly kind: 'subscribe';
        readonly samplingMs: number;
        readonly publishingMs: number;
        /** At least twice the samples between two messages, so that the overflow bit is told. */
        readonly queueSize: number;
        readonly deadband: { readonly kind: 'absolute' | 'percent'; readonly value: number } | null;
      }
    | { readonly kind: 'poll'; readonly everyMs: number };
}

export interface BrowseDef {
  readonly from: string;
  /** picomatch globs over `a/b/c` below `from`. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly depthMax: number;
  readonly nodesMax: number;
  readonly everyMs: number;
}

export interface SpoolSettings {
  readonly bytesMax: number;
  readonly ageMaxMs: number;
  readonly overflow: 'dropOldest' | 'dropNewest' | 'block';
  /** Longest time a segment, which is a load, stays open. */
  readonly rollMs: number;
}
