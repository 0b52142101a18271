import { AttributeIds, type ClientSession, resolveNodeId } from 'node-opcua-client';

/** Most nodes in one request, each kind of request. */
export interface OperationLimits {
  readonly read: number;
  readonly browse: number;
  readonly monitor: number;
  readonly historyRead: number;
}

/** Where the server says nothing, or 0 for "no limit". */
const DEFAULT: OperationLimits = { read: 1_000, browse: 200, monitor: 1_000, historyRead: 100 };
/** OPC UA Part 5, 6.3.11: OperationLimits; MaxBrowseContinuationPoints of ServerCapabilities. */
const NODES = { read: 'i=11705', browse: 'i=11710', monitor: 'i=11714', historyRead: 'i=12165' } as const;
const MAX_CONTINUATION_POINTS = 'i=2735';

export async function readLimits(session: ClientSession): Promise<OperationLimits> {
  const nodes = [NODES.read, NODES.browse, NODES.monitor, NODES.historyRead, MAX_CONTINUATION_POINTS];
  const values: number[] = [];
  // One by one: the limit for reading may be 1, and is not known yet.
  for (const node of nodes) {
    const value = await session.read({ nodeId: resolveNodeId(node), attributeId: AttributeIds.Value });
    const number: unknown = value.statusCode.isGood() ? value.value.value : 0;
    values.push(typeof number === 'number' ? number : 0);
  }
  const [read = 0, browse = 0, monitor = 0, historyRead = 0, points = 0] = values;
  const least = (own: number, ...others: number[]): number =>
    Math.min(own, ...others.filter((one) => one > 0));
  return {
    read: least(DEFAULT.read, read),
    browse: least(DEFAULT.browse, browse, points),
    monitor: least(DEFAULT.monitor, monitor),
    historyRead: least(DEFAULT.historyRead, historyRead),
  };
}

export function* inChunks<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}
