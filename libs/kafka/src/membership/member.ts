import { asMillraceError, Backoff, type MillraceError } from '@millrace/core';
import type { Cluster } from '../cluster/cluster.ts';
import { type CallFor, calls, type RawJoinGroup } from '../internals.ts';
import { LIMITS } from '../limits.ts';
import { isConnectionError, isCoordinatorMoved, KafkaCode, kafkaError } from '../protocol/error-codes.ts';
import type { KafkaDeps } from '../types.ts';
import type { MemberClaim } from './assignor.ts';
import {
  decodeAssignment,
  decodeSubscriber,
  encodeAssignments,
  encodeClaim,
  foreignTopic,
  PROTOCOL_NAME,
  PROTOCOL_TYPE,
} from './group-protocol.ts';

export interface MemberOptions {
  readonly groupId: string;
  readonly topic: string;
  readonly sessionTimeoutMs: number;
  /** What runs now: claimed when joining. */
  readonly owned: () => readonly number[];
  readonly onAssigned: (partitions: readonly number[]) => void;
  /** Between heartbeats: offsets to be committed for lag tools. */
  readonly takeCommits: () => ReadonlyMap<number, number>;
  readonly onTrouble: (error: MillraceError) => void;
}

const REJOIN = { delayMs: 100, maxDelayMs: 2_000 };

let memberCount = 0;

/** What happens whenever a coordinator starts or a group changes: not worth a line in the log. */
const USUAL = /^MR-KAFKA-(COORDINATOR|NOT-COORDINATOR|REBALANCE|CONNECTION|TIMEOUT)/;

/**
 * One member of a group: find the coordinator → join → sync → heartbeat until told to rejoin. A rejoin happens
 * without stopping anything, so it takes one heartbeat interval at most. What was assigned is advice that stays
 * until a new assignment says otherwise; writes are guarded by fencing.
 */
export class Member {
  readonly #cluster: Cluster;
  readonly #deps: KafkaDeps;
  readonly #options: MemberOptions;
  readonly #lane: string;
  #memberId = '';
  #generation = -1;
  #assigned = false;
  #lastHeartbeatAt = Number.NEGATIVE_INFINITY;

  constructor(cluster: Cluster, deps: KafkaDeps, options: MemberOptions) {
    this.#cluster = cluster;
    this.#deps = deps;
    this.#options = options;
    // Of its own, even among members of one group in one process: a held join must not hold up heartbeats.
    memberCount += 1;
    this.#lane = `group/${memberCount}`;
  }

  /** Assigned at least once, and the coordinator heard of us within the session time-out. */
  get joined(): boolean {
    return this.#assigned && this.#sinceHeartbeatMs() < this.#options.sessionTimeoutMs;
  }

  /** Monotonic time of the last answer that confirmed our membership. */
  get confirmedAt(): number {
    return this.#lastHeartbeatAt;
  }

  /** Runs until the signal aborts. Rejects only with what no retry can mend. */
  async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(REJOIN, this.#deps.random);
    while (!signal.aborted) {
      try {
        await this.#joinAndSync(signal);
        backoff.reset();
        await this.#heartbeatUntilRebalance(signal);
      } catch (thrown) {
        if (signal.aborted) return;
        const error = asMillraceError(thrown);
        if (error.kind === 'config' || error.kind === 'bug') throw error;
        if (backoff.attempt === 0 && !USUAL.test(error.code)) this.#options.onTrouble(error);
        // Rejects only when the signal aborts.
        await this.#cluster.clock.sleep(backoff.next(), signal).catch(() => undefined);
      }
    }
  }

  /** Commits what is left and leaves, so that the others share our partitions at once. */
  async leave(): Promise<void> {
    if (this.#memberId === '') return;
    await this.#commitForTools();
    const { groupId } = this.#options;
    const nodeId = await this.#cluster.coordinator('group', groupId);
    await this.#cluster.send(nodeId, 'control', calls.leaveGroup({ groupId, memberId: this.#memberId }));
    this.#assigned = false;
    this.#memberId = '';
  }

  /** For good: gives up the member's connection. */
  close(): void {
    this.#cluster.closeLane(this.#lane);
  }

  async #joinAndSync(signal: AbortSignal): Promise<void> {
    const { groupId, topic } = this.#options;
    const joined = await this.#join(signal);
    const isLeader = joined.leaderId === joined.memberId;
    let groupAssignment: { memberId: string; memberAssignment: Buffer }[] = [];
    if (isLeader) {
      groupAssignment = await this.#shareOut(joined);
    }
    const answer = await this.#ask(
      calls.syncGroup({
        groupId,
        generationId: joined.generationId,
        memberId: joined.memberId,
        groupAssignment,
      }),
      signal,
    );
    if (answer.errorCode !== KafkaCode.NONE) throw this.#refused(answer.errorCode, 'SyncGroup');
    const partitions = decodeAssignment(topic, answer.memberAssignment);
    this.#generation = joined.generationId;
    this.#assigned = true;
    this.#confirm();
    this.#options.onAssigned(partitions);
  }

  /**
   * The leader's part. A sink whose output was changed shares its group, while the new version is rolled out, with
   * readers of the old topic: each topic is shared among those who read it, so that a stranger stops nobody.
   */
  async #shareOut(joined: RawJoinGroup): Promise<{ memberId: string; memberAssignment: Buffer }[]> {
    const { topic: own } = this.#options;
    const claims = new Map<string, MemberClaim[]>();
    const foreign = new Set<string>();
    for (const { memberId, memberMetadata } of joined.members) {
      const { topic, claim } = decodeSubscriber(memberId, memberMetadata);
      if (topic !== own) foreign.add(topic ?? 'several topics');
      if (topic !== null) claims.set(topic, [...(claims.get(topic) ?? []), claim]);
    }
    if (foreign.size > 0) this.#options.onTrouble(foreignTopic(own, [...foreign]));
    const shares: { memberId: string; memberAssignment: Buffer }[] = [];
    for (const [topic, members] of claims) {
      const partitions = await this.#cluster.partitionCount(topic).catch((error: unknown) => {
        if (topic === own) throw error;
        return 0; // Theirs is missing: theirs to report.
      });
      shares.push(...encodeAssignments(topic, members, partitions));
    }
    return shares;
  }

  async #join(signal: AbortSignal): Promise<RawJoinGroup> {
    const { groupId, topic, sessionTimeoutMs, owned } = this.#options;
    // The second time with the member id that the first answer gave (KIP-394).
    for (let tries = 0; tries < 2; tries += 1) {
      const metadata = encodeClaim(topic, { owned: owned(), generation: this.#generation });
      const answer = await this.#ask(
        calls.joinGroup({
          groupId,
          sessionTimeout: sessionTimeoutMs,
          rebalanceTimeout: sessionTimeoutMs,
          memberId: this.#memberId,
          protocolType: PROTOCOL_TYPE,
          groupProtocols: [{ name: PROTOCOL_NAME, metadata }],
        }),
        signal,
      );
      if (answer.memberId) this.#memberId = answer.memberId;
      if (answer.errorCode === KafkaCode.NONE) return answer;
      if (answer.errorCode !== KafkaCode.MEMBER_ID_REQUIRED)
        throw this.#refused(answer.errorCode, 'JoinGroup');
    }
    throw kafkaError(KafkaCode.UNKNOWN_MEMBER_ID, `JoinGroup of '${groupId}'`);
  }

  async #heartbeatUntilRebalance(signal: AbortSignal): Promise<void> {
    const { groupId } = this.#options;
    const backoff = this.#cluster.backoff();
    while (!signal.aborted) {
      await this.#cluster.clock.sleep(LIMITS.heartbeatMs, signal);
      try {
        const call = calls.heartbeat({
          groupId,
          groupGenerationId: this.#generation,
          memberId: this.#memberId,
        });
        const { errorCode } = await this.#ask(call, signal);
        if (errorCode === KafkaCode.REBALANCE_IN_PROGRESS) {
          this.#confirm();
          return;
        }
        if (isCoordinatorMoved(errorCode)) {
          await this.#cluster.clock.sleep(backoff.next(), signal);
          continue;
        }
        if (errorCode !== KafkaCode.NONE) throw this.#refused(errorCode, 'Heartbeat');
        this.#confirm();
        backoff.reset();
        await this.#commitForTools();
      } catch (error) {
        // Our place in the group is kept for the session time-out: going on with heartbeats is the quickest way back.
        if (!isConnectionError(error) || this.#sinceHeartbeatMs() > this.#options.sessionTimeoutMs)
          throw error;
        await this.#cluster.clock.sleep(backoff.next(), signal);
      }
    }
  }

  /** On a connection of its own: JoinGroup is held until all members are there. */
  async #ask<T extends { readonly errorCode: number }>(call: CallFor<T>, signal: AbortSignal): Promise<T> {
    const { groupId } = this.#options;
    const nodeId = await this.#cluster.coordinator('group', groupId, signal);
    try {
      const answer = await this.#cluster.send(nodeId, this.#lane, call);
      if (isCoordinatorMoved(answer.errorCode)) this.#cluster.forgetCoordinator('group', groupId);
      return answer;
    } catch (error) {
      this.#cluster.forgetCoordinator('group', groupId);
      throw error;
    }
  }

  #refused(code: number, what: string): MillraceError {
    if (code === KafkaCode.UNKNOWN_MEMBER_ID) this.#memberId = '';
    return kafkaError(code, `${what} of group '${this.#options.groupId}'`);
  }

  #confirm(): void {
    this.#lastHeartbeatAt = this.#cluster.clock.monotonic();
  }

  #sinceHeartbeatMs(): number {
    return this.#cluster.clock.monotonic() - this.#lastHeartbeatAt;
  }

  async #commitForTools(): Promise<void> {
    const commits = this.#options.takeCommits();
    if (commits.size === 0) return;
    const { groupId, topic } = this.#options;
    const partitions = [...commits].map(([partition, offset]) => ({ partition, offset: String(offset) }));
    try {
      const nodeId = await this.#cluster.coordinator('group', groupId);
      const call = calls.offsetCommit({
        groupId,
        groupGenerationId: this.#generation,
        memberId: this.#memberId,
        topics: [{ topic, partitions }],
      });
      const answer = await this.#cluster.send(nodeId, 'control', call);
      const code = answer.responses[0]?.partitions.find((p) => p.errorCode !== KafkaCode.NONE)?.errorCode;
      // A rebalance in between is no trouble: the next commit is cumulative.
      if (code === undefined || code === KafkaCode.REBALANCE_IN_PROGRESS) return;
      throw kafkaError(code, `an offset commit of group '${groupId}'`);
    } catch (thrown) {
      const error = asMillraceError(thrown);
      if (!USUAL.test(error.code)) this.#options.onTrouble(error);
    }
  }
}
