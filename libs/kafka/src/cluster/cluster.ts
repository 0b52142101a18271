import { Backoff, type Clock, MillraceError } from '@millrace/core';
import { type CallFor, calls, type KafkajsLogger, kafkajsLogger, type RawMetadata } from '../internals.ts';
import { LIMITS } from '../limits.ts';
import { isCoordinatorMoved, isLeaderMoved, KafkaCode, kafkaError } from '../protocol/error-codes.ts';
import type { KafkaDeps, KafkaSettings } from '../types.ts';
import { Availability } from './availability.ts';
import { BrokerConnection, type Endpoint, parseEndpoint } from './connection.ts';

/**
 * Which connection to a broker a request takes. Kafka works on one request of a connection at a time, so whatever
 * can be held (long polls, joins, acks of followers) has its own: `fetch`, `read`, `group/<id>`, `produce/<n>`.
 */
export type Lane = string;

export type CoordinatorKind = 'group' | 'transaction';

interface TopicMeta {
  readonly error: number;
  /** Leader by partition; -1 when there is none. */
  readonly leaders: readonly number[];
}

const RETRY = { delayMs: 50, maxDelayMs: 1_000 };

/**
 * Brokers, leaders and coordinators of one cluster, and the connections to them. kafkajs's own `Cluster` is not
 * used: one missing topic fails its whole metadata refresh, and its connections outlive a silent broker.
 */
export class Cluster {
  readonly clock: Clock;
  readonly availability: Availability;
  readonly #settings: KafkaSettings;
  readonly #deps: KafkaDeps;
  readonly #logger: KafkajsLogger;
  readonly #bootstrap: readonly BrokerConnection[];
  readonly #connections = new Map<string, BrokerConnection>();
  readonly #topics = new Map<string, TopicMeta>();
  readonly #coordinators = new Map<string, number>();
  readonly #refreshes = new Map<string, Promise<void>>();
  #brokers = new Map<number, Endpoint>();
  #clusterId: string | null = null;
  #controllerId = -1;
  #closed = false;

  constructor(settings: KafkaSettings, deps: KafkaDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.clock = deps.clock;
    this.#logger = kafkajsLogger((level, message) => deps.onEvent({ type: 'client-log', level, message }));
    this.#bootstrap = settings.brokers.map(
      (text) => new BrokerConnection(parseEndpoint(text), settings, this.#logger),
    );
    this.availability = new Availability(deps, () => this.refresh([]));
  }

  get brokerCount(): number {
    return this.#brokers.size;
  }

  backoff(): Backoff {
    return new Backoff(RETRY, this.#deps.random);
  }

  async clusterId(): Promise<string> {
    if (this.#clusterId === null) await this.refresh([]);
    return this.#clusterId ?? '';
  }

  /** Sends to this broker, and remembers whether the cluster can be reached. */
  async send<T>(nodeId: number, lane: Lane, call: CallFor<T>): Promise<T> {
    const connection = this.#connection(nodeId, lane);
    const answer = await connection.send(call);
    this.availability.succeeded();
    return answer;
  }

  async sendToController<T>(call: CallFor<T>): Promise<T> {
    if (!this.#brokers.has(this.#controllerId)) await this.refresh([]);
    return this.send(this.#controllerId, 'control', call);
  }

  /**
   * The partition's leader. Waits for an election.
   * Errors: `transient` (no leader in time, cluster away), `systemic` (topic missing, not authorised).
   */
  async leader(topic: string, partition: number, signal?: AbortSignal): Promise<number> {
    const deadline = this.clock.monotonic() + LIMITS.lookupMs;
    for (const backoff = this.backoff(); ; ) {
      const meta = this.#topics.get(topic);
      const leader = meta?.error === KafkaCode.NONE ? meta.leaders[partition] : undefined;
      if (leader !== undefined && leader >= 0 && this.#brokers.has(leader)) return leader;
      const now = this.clock.monotonic();
      const missing = meta !== undefined && meta.error === KafkaCode.UNKNOWN_TOPIC_OR_PARTITION;
      if (now >= (missing ? deadline - LIMITS.lookupMs + LIMITS.topicMissingMs : deadline)) {
        throw this.#noLeader(topic, partition);
      }
      // A topic that was just created may be unknown to some brokers for a moment.
      if (backoff.attempt > 0) await this.clock.sleep(backoff.next(), signal);
      else backoff.next();
      await this.refresh([topic]);
    }
  }

  async partitionCount(topic: string): Promise<number> {
    if (this.#topics.get(topic)?.error !== KafkaCode.NONE) await this.refresh([topic]);
    const count = this.known(topic);
    if (count === null) throw topicMissing(topic);
    return count;
  }

  /** Forgets what is known of the topic: the next look-up asks the cluster. */
  invalidate(topic: string): void {
    this.#topics.delete(topic);
  }

  /** Reads brokers and these topics from whichever broker answers. Errors: as `send`, when none does. */
  refresh(topics: readonly string[]): Promise<void> {
    const key = topics.join('\n');
    const running = this.#refreshes.get(key);
    if (running) return running;
    const started = this.#readMetadata(topics).finally(() => this.#refreshes.delete(key));
    this.#refreshes.set(key, started);
    return started;
  }

  /** What the last refresh said of a topic: its partition count, or `null` when it does not exist. */
  known(topic: string): number | null {
    const meta = this.#topics.get(topic);
    if (!meta || meta.error === KafkaCode.UNKNOWN_TOPIC_OR_PARTITION) return null;
    if (meta.error !== KafkaCode.NONE) throw kafkaError(meta.error, `to describe topic '${topic}'`);
    return meta.leaders.length;
  }

  /** Broker that coordinates this group or transactional id; looked up with retries, then remembered. */
  async coordinator(kind: CoordinatorKind, key: string, signal?: AbortSignal): Promise<number> {
    const cached = this.#coordinators.get(`${kind}/${key}`);
    if (cached !== undefined && this.#brokers.has(cached)) return cached;
    const deadline = this.clock.monotonic() + LIMITS.lookupMs;
    const call = calls.findCoordinator({ groupId: key, coordinatorType: kind === 'group' ? 0 : 1 });
    for (const backoff = this.backoff(); ; ) {
      const { errorCode, coordinator } = await this.#fromAny(call);
      if (errorCode === KafkaCode.NONE) {
        this.#brokers.set(coordinator.nodeId, coordinator);
        this.#coordinators.set(`${kind}/${key}`, coordinator.nodeId);
        return coordinator.nodeId;
      }
      const error = kafkaError(errorCode, `to find the coordinator of ${kind} '${key}'`);
      if (!isCoordinatorMoved(errorCode) || this.clock.monotonic() >= deadline) throw error;
      await this.clock.sleep(backoff.next(), signal);
    }
  }

  forgetCoordinator(kind: CoordinatorKind, key: string): void {
    this.#coordinators.delete(`${kind}/${key}`);
  }

  /** For trouble that is only waited for: the operator has to see it. */
  warn(message: string): void {
    this.#deps.onEvent({ type: 'client-log', level: 'warn', message });
  }

  /** Closes the connections of a lane that nobody takes any more. */
  closeLane(lane: Lane): void {
    for (const [key, connection] of this.#connections) {
      if (!key.endsWith(`/${lane}`) || key.indexOf('/') !== key.length - lane.length - 1) continue;
      connection.close();
      this.#connections.delete(key);
    }
  }

  close(): void {
    this.#closed = true;
    this.availability.close();
    for (const connection of [...this.#bootstrap, ...this.#connections.values()]) connection.close();
    this.#connections.clear();
  }

  #connection(nodeId: number, lane: Lane): BrokerConnection {
    const endpoint = this.#brokers.get(nodeId);
    if (!endpoint || this.#closed) {
      throw new MillraceError({
        kind: 'transient',
        code: 'MR-KAFKA-CONNECTION',
        message: this.#closed ? 'The Kafka client is closed.' : `Broker ${nodeId} is not in the cluster now.`,
      });
    }
    const key = `${nodeId}/${lane}`;
    const known = this.#connections.get(key);
    if (known?.endpoint.host === endpoint.host && known.endpoint.port === endpoint.port) return known;
    known?.close();
    const opened = new BrokerConnection(endpoint, this.#settings, this.#logger);
    this.#connections.set(key, opened);
    return opened;
  }

  async #readMetadata(topics: readonly string[]): Promise<void> {
    // kafkajs turns an empty list into "all topics"; an empty name would be an error. One that cannot exist is
    // answered with the brokers and UNKNOWN_TOPIC.
    const names = topics.length > 0 ? topics : ['millrace-no-such-topic'];
    const raw = await this.#fromAny(calls.metadata({ topics: names, allowAutoTopicCreation: false }));
    this.#learn(raw);
  }

  #learn(raw: RawMetadata): void {
    this.#clusterId = raw.clusterId ?? this.#clusterId;
    this.#controllerId = raw.controllerId;
    if (raw.brokers.length > 0) this.#brokers = new Map(raw.brokers.map((b) => [b.nodeId, b]));
    for (const { topic, topicErrorCode, partitionMetadata } of raw.topicMetadata) {
      const leaders: number[] = new Array(partitionMetadata.length).fill(-1);
      for (const p of partitionMetadata) leaders[p.partitionId] = p.leader;
      // LEADER_NOT_AVAILABLE of a single partition is seen in its leader, -1.
      const error = topicErrorCode === KafkaCode.LEADER_NOT_AVAILABLE ? KafkaCode.NONE : topicErrorCode;
      this.#topics.set(topic, { error, leaders });
    }
  }

  /** Asks one broker after the other, those with an open connection first. */
  async #fromAny<T>(call: CallFor<T>): Promise<T> {
    const known = [...this.#brokers.keys()]
      .map((nodeId) => this.#connection(nodeId, 'control'))
      .sort((a, b) => Number(b.isOpen) - Number(a.isOpen));
    let last: unknown;
    for (const connection of [...known, ...this.#bootstrap]) {
      try {
        const answer = await connection.send(call);
        this.availability.succeeded();
        return answer;
      } catch (error) {
        last = error;
        if (this.#closed) break;
      }
    }
    if (!this.#closed) this.availability.failed(last instanceof Error ? last : new Error(String(last)));
    throw last;
  }

  #noLeader(topic: string, partition: number): MillraceError {
    const meta = this.#topics.get(topic);
    if (meta?.error === KafkaCode.UNKNOWN_TOPIC_OR_PARTITION) return topicMissing(topic);
    if (meta && !isLeaderMoved(meta.error) && meta.error !== KafkaCode.NONE) {
      return kafkaError(meta.error, `to describe topic '${topic}'`);
    }
    if (meta && partition >= meta.leaders.length) {
      return new MillraceError({
        kind: 'halt',
        code: 'MR-KAFKA-PARTITIONS',
        message: `Topic '${topic}' has ${meta.leaders.length} partitions; partition ${partition} was asked for.`,
        remedy: "Compare the pipeline's `partitions` with the topic.",
      });
    }
    return new MillraceError({
      kind: 'transient',
      code: 'MR-KAFKA-NO-LEADER',
      message: `Topic '${topic}' partition ${partition} has no leader.`,
      remedy: 'Check that the brokers which hold its replicas run.',
    });
  }
}

function topicMissing(topic: string): MillraceError {
  return new MillraceError({
    kind: 'systemic',
    code: 'MR-KAFKA-TOPIC-MISSING',
    message: `Topic '${topic}' does not exist.`,
    remedy: 'Create it, or restart the service, which creates the topics of its pipelines.',
  });
}
