import {
  type ClientSession,
  type DataValue,
  HistoryData,
  resolveNodeId,
  TimestampsToReturn,
} from 'node-opcua-client';
import type { MonitoredTag } from './group-subscription.ts';
import { inChunks, type OperationLimits } from './limits.ts';

const VALUES_PER_NODE = 1_000;
/** Of one tag in one gap; more is cut, since the next readings wait for it. */
const PAGES_MAX = 1_000;

/**
 * Raw values between two times (ms), oldest first per tag, every page drained. A tag that the server keeps no history
 * of gives none. Resolves to the number of tags that had any.
 */
export async function readHistory(
  session: ClientSession,
  items: readonly MonitoredTag[],
  fromMs: number,
  toMs: number,
  limits: OperationLimits,
  take: (item: MonitoredTag, value: DataValue) => void,
): Promise<number> {
  const withHistory = new Set<MonitoredTag>();
  for (const chunk of inChunks(items, limits.historyRead)) {
    let open = chunk.map((item) => ({ item, continuationPoint: undefined as Buffer | undefined }));
    for (let page = 0; page < PAGES_MAX && open.length > 0; page += 1) {
      const results = await session.readHistoryValue(
        open.map(({ item, continuationPoint }) => ({
          nodeId: resolveNodeId(item.address),
          ...(continuationPoint && { continuationPoint }),
        })),
        new Date(fromMs),
        new Date(toMs),
        {
          numValuesPerNode: VALUES_PER_NODE,
          returnBounds: false,
          timestampsToReturn: TimestampsToReturn.Both,
        },
      );
      open = open.flatMap(({ item }, index) => {
        const result = results[index];
        if (!result || result.statusCode.isBad()) return [];
        const values = result.historyData instanceof HistoryData ? (result.historyData.dataValues ?? []) : [];
        for (const value of values) take(item, value);
        if (values.length > 0) withHistory.add(item);
        const more = result.continuationPoint;
        return more && more.length > 0 ? [{ item, continuationPoint: more }] : [];
      });
    }
  }
  return withHistory.size;
}
