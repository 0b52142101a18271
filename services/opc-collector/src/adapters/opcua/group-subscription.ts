import type { OpcuaGroup } from '@millrace/config';
import type { Clock } from '@millrace/core';
import {
  AttributeIds,
  type ClientMonitoredItemBase,
  type ClientSession,
  type ClientSubscription,
  DataChangeFilter,
  DataChangeTrigger,
  type DataValue,
  DeadbandType,
  resolveNodeId,
  TimestampsToReturn,
} from 'node-opcua-client';
import { inChunks, type OperationLimits } from './limits.ts';
import type { Tag } from './reading.ts';

/** The server's clock: changes as long as the subscription really samples. OPC UA Part 5, 12.10. */
const CURRENT_TIME = 'i=2258';
const CLOCK_SAMPLING_MS = 1_000;
/** A keep-alive at least this often, when nothing changes. */
const KEEP_ALIVE_MS = 5_000;
/** The server drops the subscription after this many keep-alive times without us. */
const LIFETIME_FACTOR = 10;

export type SubscribedRead = Extract<OpcuaGroup['read'], { readonly kind: 'subscribe' }>;

export interface MonitoredTag {
  readonly tag: Tag;
  /** In this session. */
  readonly address: string;
}

export interface SubscriptionListener {
  onValue(tag: Tag, value: DataValue): void;
}

/** One subscription and its monitored items. */
export class GroupSubscription {
  readonly #subscription: ClientSubscription;
  readonly #read: SubscribedRead;
  readonly #limits: OperationLimits;
  readonly #clock: Clock;
  readonly #listener: SubscriptionListener;
  #heardAt: number;
  #ended: string | null = null;
  #clockRuns = false;

  private constructor(
    subscription: ClientSubscription,
    read: SubscribedRead,
    limits: OperationLimits,
    clock: Clock,
    listener: SubscriptionListener,
  ) {
    this.#subscription = subscription;
    this.#read = read;
    this.#limits = limits;
    this.#clock = clock;
    this.#listener = listener;
    this.#heardAt = clock.monotonic();
    subscription.on('keepalive', () => {
      if (!this.#clockRuns) this.#heard();
    });
    subscription.on('terminated', () => {
      this.#ended ??= 'terminated by the server';
    });
    subscription.on('status_changed', (status) => {
      this.#ended ??= String(status);
    });
    subscription.on('internal_error', (error) => {
      this.#ended ??= error.message;
    });
  }

  static async open(
    session: ClientSession,
    read: SubscribedRead,
    limits: OperationLimits,
    clock: Clock,
    listener: SubscriptionListener,
  ): Promise<GroupSubscription> {
    const keepAlive = Math.max(3, Math.round(KEEP_ALIVE_MS / read.publishingMs));
    const subscription = await session.createSubscription2({
      requestedPublishingInterval: read.publishingMs,
      requestedMaxKeepAliveCount: keepAlive,
      requestedLifetimeCount: keepAlive * LIFETIME_FACTOR,
      maxNotificationsPerPublish: 0,
      publishingEnabled: true,
      priority: 10,
    });
    const group = new GroupSubscription(subscription, read, limits, clock, listener);
    await group.#watchClock();
    return group;
  }

  /** Milliseconds since anything was heard. */
  get silentMs(): number {
    return this.#clock.monotonic() - this.#heardAt;
  }

  /** Why the server ended it; null while it lives. */
  get ended(): string | null {
    return this.#ended;
  }

  /** Monitors the tags and returns those that the server refused, with its words. */
  async add(
    tags: readonly MonitoredTag[],
  ): Promise<{ readonly item: MonitoredTag; readonly reason: string }[]> {
    const refused: { item: MonitoredTag; reason: string }[] = [];
    for (const chunk of inChunks(tags, this.#limits.monitor)) {
      const failed = await this.#monitor(chunk, this.#read.deadband !== null);
      // A deadband on what is no number, or has no range: without it then.
      const again = failed.filter(({ reason }) => /Filter|Deadband/i.test(reason)).map(({ item }) => item);
      refused.push(...failed.filter(({ item }) => !again.includes(item)));
      if (again.length > 0) refused.push(...(await this.#monitor(again, false)));
    }
    return refused;
  }

  async setPublishing(enabled: boolean): Promise<void> {
    await this.#subscription.setPublishingMode(enabled);
    this.#heard();
  }

  /** Never throws: what is closed may be gone already. */
  async close(): Promise<void> {
    this.#ended ??= 'closed';
    await this.#subscription.terminate().catch(() => undefined);
  }

  async #monitor(
    tags: readonly MonitoredTag[],
    withDeadband: boolean,
  ): Promise<{ item: MonitoredTag; reason: string }[]> {
    const { samplingMs, queueSize, deadband } = this.#read;
    const group = await this.#subscription.monitorItems(
      tags.map(({ address }) => ({ nodeId: resolveNodeId(address), attributeId: AttributeIds.Value })),
      {
        samplingInterval: samplingMs,
        queueSize,
        discardOldest: true,
        ...(withDeadband && deadband && { filter: filterOf(deadband) }),
      },
      TimestampsToReturn.Both,
    );
    group.on('changed', (_item: ClientMonitoredItemBase, value: DataValue, index: number) => {
      const tag = tags[index]?.tag;
      if (!tag) return;
      this.#heard();
      this.#listener.onValue(tag, value);
    });
    return group.monitoredItems.flatMap((monitored, index) => {
      const item = tags[index];
      const status = monitored.statusCode;
      return item && status.isBad() ? [{ item, reason: status.name }] : [];
    });
  }

  async #watchClock(): Promise<void> {
    const group = await this.#subscription.monitorItems(
      [{ nodeId: resolveNodeId(CURRENT_TIME), attributeId: AttributeIds.Value }],
      { samplingInterval: CLOCK_SAMPLING_MS, queueSize: 1, discardOldest: true },
      TimestampsToReturn.Neither,
    );
    group.on('changed', () => {
      this.#clockRuns = true;
      this.#heard();
    });
  }

  #heard(): void {
    this.#heardAt = this.#clock.monotonic();
  }
}

function filterOf(deadband: NonNullable<SubscribedRead['deadband']>): DataChangeFilter {
  return new DataChangeFilter({
    trigger: DataChangeTrigger.StatusValue,
    deadbandType: deadband.kind === 'absolute' ? DeadbandType.Absolute : DeadbandType.Percent,
    deadbandValue: deadband.value,
  });
}
