import type { OpcuaGroup } from '@millrace/config';
import type { ClientSession, DataValue } from 'node-opcua-client';
import { browseTags, lookUpNodes } from './adapters/opcua/browse.ts';
import type { Connection } from './adapters/opcua/connect.ts';
import { opcuaError } from './adapters/opcua/errors.ts';
import { GroupSubscription, type MonitoredTag } from './adapters/opcua/group-subscription.ts';
import { type OperationLimits, readLimits } from './adapters/opcua/limits.ts';
import { readValues } from './adapters/opcua/poll.ts';
import type { Tag } from './adapters/opcua/reading.ts';
import { Hole } from './backfill.ts';
import type { CollectDeps } from './collect.ts';
import type { Escalation, Remedy } from './domain/escalation.ts';
import type { GapReason } from './domain/gap.ts';
import { addressInSession, parseAddress, pinned } from './domain/node-address.ts';
import { SetAside } from './domain/set-aside.ts';

const TICK_MS = 1_000;

/** Nothing is heard, and more than a new subscription is needed. */
export class SilentServer extends Error {
  readonly remedy: Remedy;
  constructor(remedy: Remedy) {
    super(`silent: ${remedy}`);
    this.remedy = remedy;
  }
}

interface GroupAtWork {
  readonly group: OpcuaGroup;
  readonly tags: Map<string, MonitoredTag>;
  subscription: GroupSubscription | null;
  /** The next reading ends a gap that began here. */
  gap: { readonly fromMs: number | null; readonly reason: GapReason } | null;
  /** What is to be read from history, and since when its end is known. */
  hole: { readonly hole: Hole; readonly endedAt: number } | null;
  browsedAt: number;
  polledAt: number;
}

interface Missing {
  readonly work: GroupAtWork;
  readonly tag: Tag;
}

/** What is done in one session: nodes are resolved and found, subscribed or polled, and watched. */
export class CollectingSession {
  readonly #session: ClientSession;
  readonly #connection: Connection;
  readonly #deps: CollectDeps;
  readonly #escalation: Escalation;
  readonly #missing: SetAside<Missing>;
  #namespaces: readonly string[] = [];
  #limits: OperationLimits = { read: 1, browse: 1, monitor: 1, historyRead: 1 };
  #groups: GroupAtWork[] = [];
  #blocked = false;

  constructor(session: ClientSession, connection: Connection, deps: CollectDeps, escalation: Escalation) {
    this.#session = session;
    this.#connection = connection;
    this.#deps = deps;
    this.#escalation = escalation;
    this.#missing = new SetAside(deps.clock);
  }

  /** Runs until the signal aborts or the session is of no use any more. `onUp`: readings can come. */
  async run(signal: AbortSignal, onUp: () => void): Promise<void> {
    const { server, emit, clock, intake } = this.#deps;
    try {
      this.#namespaces = await this.#session.readNamespaceArray();
      this.#limits = await readLimits(this.#session);
      const from = intake.lastMs;
      this.#groups = this.#deps.groups.map((group) => newWork(group, from));
      for (const work of this.#groups) await this.#find(work);
      for (const work of this.#groups) await this.#subscribe(work);
      onUp();
      const { mode, policy } = server.security;
      emit({ type: 'server-up', server: server.name, tags: this.#tagCount, security: `${mode}, ${policy}` });
      while (!signal.aborted) {
        await clock.sleep(Math.min(TICK_MS, this.#untilPoll()), signal);
        await this.#tick(signal);
      }
    } catch (error) {
      if (error instanceof SilentServer || signal.aborted) throw error;
      throw opcuaError(server.name, error);
    }
  }

  /** Ends subscriptions and session on the server as well; never throws. */
  async close(): Promise<void> {
    if (!this.#connection.lost.aborted) for (const work of this.#groups) await work.subscription?.close();
    await this.#session.close(true).catch(() => undefined);
  }

  async #tick(signal: AbortSignal): Promise<void> {
    const { server, intake, emit, turn } = this.#deps;
    turn();
    await this.#obeySpool();
    for (const work of this.#blocked ? [] : this.#groups) {
      await this.#watch(work);
      await this.#fillHole(work);
      if (work.group.read.kind === 'poll') await this.#poll(work);
      const { browse } = work.group;
      if (browse && this.#deps.clock.monotonic() - work.browsedAt >= browse.everyMs)
        await this.#lookAgain(work);
    }
    await this.#retryMissing();
    signal.throwIfAborted();
    const readings = intake.takeCount();
    const setAside = this.#missing.size;
    const { spoolBytes } = intake;
    emit({ type: 'received', server: server.name, readings, tags: this.#tagCount, setAside, spoolBytes });
  }

  /** `overflow: block`: the server keeps what it can in its queues until the spool has room. */
  async #obeySpool(): Promise<void> {
    const { blocked, lastMs } = this.#deps.intake;
    if (blocked === this.#blocked) return;
    this.#blocked = blocked;
    for (const work of this.#groups) {
      await work.subscription?.setPublishing(!blocked);
      if (!blocked) work.gap = { fromMs: lastMs, reason: 'blocked' };
    }
  }

  get #tagCount(): number {
    return this.#groups.reduce((sum, work) => sum + work.tags.size, 0);
  }

  /** Fills the group's tags; what is missing is set aside. */
  async #find(work: GroupAtWork): Promise<void> {
    const { browse, nodes } = work.group;
    work.browsedAt = this.#deps.clock.monotonic();
    if (browse) {
      const start = this.#inSession(browse.from);
      if (start === null) this.#setAside(work, listed(browse.from), 'its namespace is not on the server');
      else
        for (const tag of await browseTags(this.#session, start, browse, this.#namespaces, this.#limits))
          this.#take(work, tag);
    }
    const asked: { tag: Tag; address: string }[] = [];
    for (const node of nodes) {
      const address = this.#inSession(node);
      const tag = listed(address === null ? node : pinned(address, this.#namespaces));
      if (address === null) this.#setAside(work, tag, 'its namespace is not on the server');
      else asked.push({ tag, address });
    }
    const addresses = asked.map(({ address }) => address);
    const found = await lookUpNodes(this.#session, addresses, this.#limits);
    for (const [i, { tag }] of asked.entries()) {
      const { displayName, status } = found[i] ?? { displayName: null, status: 'no answer' };
      if (displayName === null) this.#setAside(work, tag, status);
      else this.#take(work, { ...tag, sensor: displayName });
    }
  }

  #inSession(text: string): string | null {
    const address = parseAddress(text);
    return address && addressInSession(address, this.#namespaces);
  }

  /** A node belongs to the first group that has it. */
  #take(work: GroupAtWork, tag: Tag): MonitoredTag | null {
    if (this.#groups.some((other) => other.tags.has(tag.nodeId))) return null;
    const address = this.#inSession(tag.nodeId);
    if (address === null) return null;
    const item = { tag, address };
    work.tags.set(tag.nodeId, item);
    return item;
  }

  async #subscribe(work: GroupAtWork): Promise<void> {
    const { read } = work.group;
    if (read.kind !== 'subscribe') return;
    const listener = { onValue: (tag: Tag, value: DataValue) => this.#onValue(work, tag, value) };
    const { clock } = this.#deps;
    work.subscription = await GroupSubscription.open(this.#session, read, this.#limits, clock, listener);
    await this.#monitor(work, [...work.tags.values()]);
  }

  async #monitor(work: GroupAtWork, items: readonly MonitoredTag[]): Promise<void> {
    for (const { item, reason } of (await work.subscription?.add(items)) ?? []) {
      work.tags.delete(item.tag.nodeId);
      this.#setAside(work, item.tag, reason);
    }
  }

  #onValue(work: GroupAtWork, tag: Tag, value: DataValue): void {
    const { intake } = this.#deps;
    this.#escalation.heard();
    if (work.gap) {
      const { fromMs, reason } = work.gap;
      work.gap = null;
      // What was never collected has no gap.
      if (fromMs !== null) {
        intake.addGap(reason, fromMs, Math.max(fromMs, intake.timeOf(value)));
        work.hole = { hole: new Hole(fromMs, intake.lastSource), endedAt: this.#deps.clock.monotonic() };
      }
    }
    work.hole?.hole.ends(tag.nodeId, value, intake.timeOf(value));
    intake.keep(tag, value);
    // The node went while it was watched: a new one of that name needs a new item.
    if (/^BadNodeId/.test(value.statusCode.name) && work.tags.delete(tag.nodeId))
      this.#setAside(work, tag, value.statusCode.name);
  }

  #setAside(work: GroupAtWork, tag: Tag, reason: string): void {
    const { server, emit } = this.#deps;
    if (this.#missing.put(tag.nodeId, { work, tag }, reason))
      emit({ type: 'tag-set-aside', server: server.name, node: tag.nodeId, reason });
  }

  async #retryMissing(): Promise<void> {
    const { server, emit } = this.#deps;
    for (const { work, tag } of this.#missing.due()) {
      const address = this.#inSession(tag.nodeId);
      const [found] = address === null ? [] : await lookUpNodes(this.#session, [address], this.#limits);
      if (!found || found.displayName === null) {
        this.#setAside(work, tag, found?.status ?? 'its namespace is not on the server');
        continue;
      }
      const item = this.#take(work, { ...tag, sensor: tag.sensor || found.displayName });
      if (item) await this.#monitor(work, [item]);
      if (!item || work.tags.has(tag.nodeId)) {
        this.#missing.back(tag.nodeId);
        emit({ type: 'tag-back', server: server.name, node: tag.nodeId });
      }
    }
  }

  async #lookAgain(work: GroupAtWork): Promise<void> {
    const before = new Set(work.tags.keys());
    await this.#find(work);
    const added = [...work.tags.values()].filter(({ tag }) => !before.has(tag.nodeId));
    if (added.length > 0) await this.#monitor(work, added);
  }

  /** Once every tag has had the time to say its first value behind the hole. */
  async #fillHole(work: GroupAtWork): Promise<void> {
    const { read } = work.group;
    const settleMs = read.kind === 'subscribe' ? 2 * read.publishingMs : read.everyMs;
    if (!work.hole || this.#deps.clock.monotonic() - work.hole.endedAt < settleMs) return;
    const { hole } = work.hole;
    work.hole = null;
    const { intake, emit, server } = this.#deps;
    const deps = { session: this.#session, limits: this.#limits, intake, emit, server: server.name };
    await hole.fill([...work.tags.values()], deps);
  }

  async #watch(work: GroupAtWork): Promise<void> {
    const { server, emit, intake } = this.#deps;
    const { subscription, group } = work;
    if (!subscription) return;
    if (subscription.ended !== null) {
      emit({
        type: 'subscription-ended',
        server: server.name,
        group: group.name,
        reason: subscription.ended,
      });
    } else if (subscription.silentMs >= server.staleAfterMs) {
      const remedy = this.#escalation.next();
      emit({
        type: 'stale',
        server: server.name,
        group: group.name,
        silentMs: subscription.silentMs,
        remedy,
      });
      if (remedy !== 'subscription') throw new SilentServer(remedy);
    } else return;
    await subscription.close();
    work.gap = { fromMs: intake.lastMs, reason: 'subscription' };
    await this.#subscribe(work);
  }

  #untilPoll(): number {
    let ms = TICK_MS;
    for (const { group, polledAt } of this.#groups)
      if (group.read.kind === 'poll')
        ms = Math.min(ms, Math.max(10, polledAt + group.read.everyMs - this.#deps.clock.monotonic()));
    return ms;
  }

  async #poll(work: GroupAtWork): Promise<void> {
    const { read } = work.group;
    const now = this.#deps.clock.monotonic();
    if (read.kind !== 'poll' || now - work.polledAt < read.everyMs) return;
    work.polledAt = now;
    const items = [...work.tags.values()];
    await readValues(this.#session, items, this.#limits, (item, value) =>
      this.#onValue(work, item.tag, value),
    );
  }
}

function newWork(group: OpcuaGroup, fromMs: number | null): GroupAtWork {
  const reason = 'start';
  return {
    group,
    tags: new Map(),
    subscription: null,
    gap: { fromMs, reason },
    hole: null,
    browsedAt: 0,
    polledAt: Number.NEGATIVE_INFINITY,
  };
}

/** A node that was named, not found: a text identifier is its tag's name. */
function listed(nodeId: string): Tag {
  const identifier = parseAddress(nodeId)?.identifier ?? nodeId;
  return { tag: identifier.startsWith('s=') ? identifier.slice(2) : nodeId, nodeId, sensor: '', unit: null };
}
