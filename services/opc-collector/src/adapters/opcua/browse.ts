import type { BrowseDef } from '@millrace/config';
import { MillraceError } from '@millrace/core';
import {
  AttributeIds,
  BrowseDirection,
  type BrowseResult,
  type ClientSession,
  NodeClass,
  resolveNodeId,
} from 'node-opcua-client';
import { pinned } from '../../domain/node-address.ts';
import { TagFilter } from '../../domain/tag-filter.ts';
import { inChunks, type OperationLimits } from './limits.ts';
import type { Tag } from './reading.ts';

const HIERARCHICAL = 'i=33';
const HAS_PROPERTY = 'i=46';
/** The server's own object below the Objects folder: hundreds of diagnostics that nobody asked for. */
const SERVER_OBJECT = 'i=2253';
const RESULT_MASK_ALL = 63;

interface Place {
  readonly nodeId: string;
  readonly path: string;
  readonly name: string;
}

/**
 * The variables below `start`, level by level. A node that is reachable on several ways is taken once, by the
 * shortest, so that circles end.
 * @throws MillraceError `systemic` above `nodesMax`
 */
export async function browseTags(
  session: ClientSession,
  start: string,
  def: BrowseDef,
  namespaces: readonly string[],
  limits: OperationLimits,
): Promise<Tag[]> {
  const filter = new TagFilter(def);
  const seen = new Set([start, SERVER_OBJECT]);
  const tags: Tag[] = [];
  let level: Place[] = [{ nodeId: start, path: '', name: '' }];
  for (let depth = 0; depth < def.depthMax && level.length > 0; depth += 1) {
    const next: Place[] = [];
    for (const chunk of inChunks(level, limits.browse)) {
      const results = await browseAll(session, chunk, limits.browse);
      for (const [i, parent] of chunk.entries())
        for (const reference of results[i]?.references ?? []) {
          const nodeId = reference.nodeId.toString().replace(/^ns=0;/, '');
          if (reference.referenceTypeId.toString() === `ns=0;${HAS_PROPERTY}` || seen.has(nodeId)) continue;
          seen.add(nodeId);
          const name = reference.browseName.name ?? '';
          const path = parent.path === '' ? name : `${parent.path}/${name}`;
          if (!filter.enters(path)) continue;
          next.push({ nodeId, path, name });
          if (reference.nodeClass !== NodeClass.Variable || !filter.takes(path)) continue;
          tags.push({ tag: path, nodeId: pinned(nodeId, namespaces), sensor: parent.name, unit: null });
          if (tags.length > def.nodesMax) throw tooMany(start, def.nodesMax);
        }
    }
    level = next;
  }
  return tags;
}

function tooMany(start: string, most: number): MillraceError {
  return new MillraceError({
    kind: 'systemic',
    code: 'MR-OPC-TOO-MANY-NODES',
    message: `Below ${start} there are more than ${most} variables.`,
    remedy: 'Narrow include and exclude, or raise browse.nodes.',
  });
}

/** Browses and drains every continuation point. A node that cannot be browsed has no references. */
async function browseAll(
  session: ClientSession,
  places: readonly Place[],
  chunk: number,
): Promise<BrowseResult[]> {
  const results = await session.browse(
    places.map(({ nodeId }) => ({
      nodeId: resolveNodeId(nodeId),
      referenceTypeId: resolveNodeId(HIERARCHICAL),
      includeSubtypes: true,
      browseDirection: BrowseDirection.Forward,
      nodeClassMask: NodeClass.Object | NodeClass.Variable,
      resultMask: RESULT_MASK_ALL,
    })),
  );
  let open = results.filter((result) => result.continuationPoint?.length > 0);
  while (open.length > 0) {
    const still: BrowseResult[] = [];
    for (const some of inChunks(open, chunk)) {
      const more = await session.browseNext(
        some.map((result) => result.continuationPoint),
        false,
      );
      for (const [i, result] of some.entries()) {
        const rest = more[i];
        for (const reference of rest?.references ?? []) result.references?.push(reference);
        result.continuationPoint = rest?.continuationPoint ?? Buffer.alloc(0);
        if (result.continuationPoint.length > 0) still.push(result);
      }
    }
    open = still;
  }
  return results;
}

/** Display names of listed nodes; null for a node that the server does not have, with its status. */
export async function lookUpNodes(
  session: ClientSession,
  nodeIds: readonly string[],
  limits: OperationLimits,
): Promise<readonly { readonly displayName: string | null; readonly status: string }[]> {
  const found: { displayName: string | null; status: string }[] = [];
  for (const chunk of inChunks(nodeIds, limits.read)) {
    const values = await session.read(
      chunk.map((nodeId) => ({ nodeId: resolveNodeId(nodeId), attributeId: AttributeIds.DisplayName })),
    );
    for (const value of values) {
      const bad = value.statusCode.isBad();
      const text: unknown = value.value.value?.text;
      found.push({
        displayName: bad ? null : typeof text === 'string' ? text : '',
        status: value.statusCode.name,
      });
    }
  }
  return found;
}
