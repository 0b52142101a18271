import { MillraceError } from '@millrace/core';
import { MemberAssignment, MemberMetadata } from '../internals.ts';
import { assignPartitions, type MemberClaim } from './assignor.ts';

/** Kafka's own protocol type, so that its tools can show the group. */
export const PROTOCOL_TYPE = 'consumer';
export const PROTOCOL_NAME = 'millrace-sticky';

/** A member's subscription; what it owns travels as readable JSON in the user data. */
export function encodeClaim(topic: string, claim: Omit<MemberClaim, 'memberId'>): Buffer {
  const userData = Buffer.from(JSON.stringify({ owned: claim.owned, generation: claim.generation }));
  return MemberMetadata.encode({ version: 0, topics: [topic], userData });
}

/** The topic that a member reads, and its claim. Ours read one each; of any other nothing is known: `null`. */
export interface Subscriber {
  readonly topic: string | null;
  readonly claim: MemberClaim;
}

export function decodeSubscriber(memberId: string, bytes: Buffer): Subscriber {
  const { topics, userData } = MemberMetadata.decode(bytes);
  return {
    topic: topics.length === 1 ? (topics[0] ?? null) : null,
    claim: { memberId, ...parseUserData(userData) },
  };
}

/** Shares of those who read this topic. */
export function encodeAssignments(
  topic: string,
  claims: readonly MemberClaim[],
  partitions: number,
): { memberId: string; memberAssignment: Buffer }[] {
  return [...assignPartitions(claims, partitions)].map(([memberId, share]) => ({
    memberId,
    memberAssignment: MemberAssignment.encode({
      version: 0,
      assignment: share.length > 0 ? { [topic]: share } : {},
      userData: Buffer.alloc(0),
    }),
  }));
}

/** Errors: `config` when another topic was assigned. */
export function decodeAssignment(topic: string, bytes: Buffer): readonly number[] {
  const assignment = bytes.length > 0 ? (MemberAssignment.decode(bytes)?.assignment ?? {}) : {};
  const foreign = Object.keys(assignment).filter((name) => name !== topic);
  if (foreign.length > 0) throw foreignTopic(topic, foreign);
  return assignment[topic] ?? [];
}

/** Another version of us may write other user data: then the member owns nothing, which costs only stickiness. */
function parseUserData(userData: Buffer | null): Omit<MemberClaim, 'memberId'> {
  try {
    const { owned, generation } = JSON.parse(userData?.toString('utf8') ?? '') as Record<string, unknown>;
    if (Array.isArray(owned) && owned.every(Number.isInteger) && Number.isInteger(generation)) {
      return { owned, generation: generation as number };
    }
  } catch {
    // Falls through.
  }
  return { owned: [], generation: -1 };
}

/** What a group should not be: it works, but each of its topics has fewer members than it seems. */
export function foreignTopic(topic: string, topics: readonly string[]): MillraceError {
  return new MillraceError({
    kind: 'config',
    code: 'MR-KAFKA-FOREIGN-TOPIC',
    message: `A member of our group reads [${topics.join(', ')}], not only '${topic}'.`,
    remedy:
      'Give each service and pipeline a consumer group of its own; two instances must differ in MILLRACE_INSTANCE.',
  });
}
