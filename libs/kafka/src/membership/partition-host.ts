import type { MillraceError } from '@millrace/core';
import type { Cluster } from '../cluster/cluster.ts';
import { LIMITS } from '../limits.ts';
import { isConnectionError } from '../protocol/error-codes.ts';
import type { KafkaDeps, PartitionHost, PartitionHostOptions, PartitionStatus } from '../types.ts';
import { Member } from './member.ts';
import { RunnerSlot, type SlotDeps } from './runner-slot.ts';

/** See `KafkaClient.host`. The membership loop is the only one that starts and stops runners. */
export class GroupPartitionHost implements PartitionHost {
  readonly done: Promise<void>;
  readonly #deps: KafkaDeps;
  readonly #options: PartitionHostOptions;
  readonly #member: Member;
  readonly #slots = new Map<number, RunnerSlot>();
  /** Runners on their way out, by partition. */
  readonly #stopping = new Map<number, Promise<void>>();
  readonly #stop = new AbortController();
  #commits = new Map<number, number>();
  #stopped: Promise<void> | null = null;
  #left: Promise<void> = Promise.resolve();
  /** Why a runner could not finish what it had begun when we were stopped. */
  #unfinished: MillraceError | null = null;

  constructor(cluster: Cluster, deps: KafkaDeps, options: PartitionHostOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#member = new Member(cluster, deps, {
      groupId: options.groupId,
      topic: options.topic,
      sessionTimeoutMs: options.sessionTimeoutMs ?? LIMITS.sessionMs,
      owned: () => [...this.#slots.keys()],
      onAssigned: (partitions) => this.#apply(partitions),
      takeCommits: () => this.#takeCommits(),
      onTrouble: (error) => this.#report(error),
    });
    this.done = this.#run();
    // Whoever waits for `done` gets the error; a process that does not wait must not die of it.
    this.done.catch(() => undefined);
  }

  get joined(): boolean {
    return this.#stopped === null && this.#member.joined;
  }

  status(): readonly PartitionStatus[] {
    return [...this.#slots.values()].map((slot) => slot.status).sort((a, b) => a.partition - b.partition);
  }

  commitForTools(partition: number, nextOffset: number): void {
    this.#commits.set(partition, nextOffset);
    this.#slots.get(partition)?.progressed();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#drainAndLeave();
    return this.#stopped;
  }

  async #run(): Promise<void> {
    try {
      await this.#member.run(this.#stop.signal);
    } catch (error) {
      await this.#drain();
      await this.#leave();
      throw error;
    } finally {
      await this.#left;
      // A join that was under way when we left has made us a member again.
      await this.#leave();
      this.#member.close();
    }
  }

  /** Heartbeats go on while the runners drain: nobody should take over what is still being finished. */
  async #drainAndLeave(): Promise<void> {
    await this.#drain();
    this.#stop.abort();
    this.#left = this.#leave();
    await this.#left;
    // A join is held until all members are there.
    const end = this.done.catch(() => undefined);
    await this.#atMost(LIMITS.lastJoinMs, end);
    if (this.#unfinished) throw this.#unfinished;
  }

  /** Whoever cannot be told that we leave notices it by the session time-out: not worth the rest of a shutdown. */
  async #leave(): Promise<void> {
    const leave = this.#member.leave().catch((error: MillraceError) => {
      if (!isConnectionError(error)) this.#report(error);
    });
    await this.#atMost(LIMITS.leaveMs, leave);
  }

  async #atMost(deadlineMs: number, work: Promise<void>): Promise<void> {
    const ended = new AbortController();
    const late = this.#deps.clock.sleep(deadlineMs, ended.signal).catch(() => undefined);
    await Promise.race([work.finally(() => ended.abort()), late]);
  }

  async #drain(): Promise<void> {
    const slots = [...this.#slots.values()];
    this.#slots.clear();
    await Promise.all([...slots.map((slot) => slot.stop()), ...this.#stopping.values()]);
    this.#unfinished = slots.find((slot) => slot.unfinished)?.unfinished ?? null;
  }

  #apply(partitions: readonly number[]): void {
    if (this.#stopped) return;
    this.#deps.onEvent({ type: 'assigned', groupId: this.#options.groupId, partitions });
    const ours = new Set(partitions);
    for (const [partition, slot] of this.#slots) {
      if (ours.has(partition)) continue;
      this.#slots.delete(partition);
      this.#commits.delete(partition);
      const ended = slot.stop().finally(() => {
        if (this.#stopping.get(partition) === ended) this.#stopping.delete(partition);
      });
      this.#stopping.set(partition, ended);
    }
    for (const partition of partitions) {
      if (this.#slots.has(partition)) continue;
      const slot = new RunnerSlot(partition, this.#options.runner, this.#slotDeps());
      this.#slots.set(partition, slot);
      slot.start(this.#stopping.get(partition) ?? Promise.resolve());
    }
  }

  #slotDeps(): SlotDeps {
    const { groupId } = this.#options;
    const { clock, random, onEvent } = this.#deps;
    return {
      clock,
      random,
      onFailed: (partition, error, retryInMs) =>
        onEvent({ type: 'runner-failed', groupId, partition, error, retryInMs }),
      onRecovered: (partition) => onEvent({ type: 'runner-recovered', groupId, partition }),
      confirmedSince: async (moment, signal) => {
        while (this.#member.confirmedAt <= moment) await clock.sleep(LIMITS.heartbeatMs / 2, signal);
      },
    };
  }

  #takeCommits(): ReadonlyMap<number, number> {
    const commits = this.#commits;
    this.#commits = new Map();
    return commits;
  }

  #report(error: MillraceError): void {
    const message = `group '${this.#options.groupId}': ${error.message}`;
    this.#deps.onEvent({ type: 'client-log', level: 'warn', message });
  }
}
