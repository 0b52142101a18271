/** What a member says about itself when it joins. */
export interface MemberClaim {
  readonly memberId: string;
  /** Partitions that it runs now. */
  readonly owned: readonly number[];
  /** Generation in which it was given them; -1 for a newcomer. */
  readonly generation: number;
}

/**
 * Shares partitions 0…n-1 out: balanced (shares differ by at most one) and sticky (a member keeps what it has, as
 * far as its share allows; of two that claim the same partition the one of the later generation is right). Pure and
 * independent of the members' order, so that every leader comes to the same result.
 */
export function assignPartitions(
  members: readonly MemberClaim[],
  partitions: number,
): ReadonlyMap<string, readonly number[]> {
  const shares = new Map<string, number[]>();
  if (members.length === 0) return shares;
  const claimed = settleClaims(members, partitions);
  const small = Math.floor(partitions / members.length);
  let larger = partitions % members.length;

  // Whoever holds most gets the larger shares, so that as little as possible moves.
  const order = [...members].sort((a, b) => {
    const more = (claimed.get(b.memberId)?.length ?? 0) - (claimed.get(a.memberId)?.length ?? 0);
    return more || (a.memberId < b.memberId ? -1 : 1);
  });
  const sizes = new Map<string, number>();
  const free = new Set(Array.from({ length: partitions }, (_, p) => p));
  for (const { memberId } of order) {
    const size = larger > 0 ? small + 1 : small;
    larger -= 1;
    sizes.set(memberId, size);
    const kept = (claimed.get(memberId) ?? []).slice(0, size);
    shares.set(memberId, kept);
    for (const partition of kept) free.delete(partition);
  }
  const rest = [...free];
  for (const { memberId } of order) {
    const share = shares.get(memberId) ?? [];
    while (share.length < (sizes.get(memberId) ?? 0)) share.push(rest.shift() ?? 0);
    share.sort((a, b) => a - b);
  }
  return shares;
}

/** Each partition with at most one claimant. */
function settleClaims(members: readonly MemberClaim[], partitions: number): Map<string, number[]> {
  const winner = new Map<number, MemberClaim>();
  for (const member of members) {
    for (const partition of member.owned) {
      if (partition < 0 || partition >= partitions) continue;
      const rival = winner.get(partition);
      if (!rival || outranks(member, rival)) winner.set(partition, member);
    }
  }
  const claimed = new Map<string, number[]>();
  for (const [partition, { memberId }] of [...winner].sort(([a], [b]) => a - b)) {
    claimed.set(memberId, [...(claimed.get(memberId) ?? []), partition]);
  }
  return claimed;
}

function outranks(member: MemberClaim, rival: MemberClaim): boolean {
  if (member.generation !== rival.generation) return member.generation > rival.generation;
  return member.memberId < rival.memberId;
}
