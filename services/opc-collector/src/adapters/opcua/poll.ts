import { AttributeIds, type ClientSession, type DataValue, resolveNodeId } from 'node-opcua-client';
import type { MonitoredTag } from './group-subscription.ts';
import { inChunks, type OperationLimits } from './limits.ts';

/** Values of all tags, as many in a request as the server allows. */
export async function readValues(
  session: ClientSession,
  items: readonly MonitoredTag[],
  limits: OperationLimits,
  take: (item: MonitoredTag, value: DataValue) => void,
): Promise<void> {
  for (const chunk of inChunks(items, limits.read)) {
    const values = await session.read(
      chunk.map(({ address }) => ({ nodeId: resolveNodeId(address), attributeId: AttributeIds.Value })),
    );
    for (const [i, item] of chunk.entries()) {
      const value = values[i];
      if (value) take(item, value);
    }
  }
}
