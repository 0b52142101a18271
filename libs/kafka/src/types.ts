import type { Clock, Random } from '@millrace/core';

/** How to reach the cluster. Comes from the environment, never from a pipeline file. */
export interface KafkaSettings {
  /** `host:port` each. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly tls?: {
    /** PEM texts. Without `ca` the system's roots are used. The server is always verified. */
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
  };
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    readonly username: string;
    readonly password: string;
  };
}

/** Something the Kafka layer went through, for the log and the metrics of the process that owns the client. */
export type KafkaEvent =
  | { readonly type: 'broker-lost'; readonly error: Error }
  | { readonly type: 'broker-back'; readonly downMs: number }
  | { readonly type: 'assigned'; readonly groupId: string; readonly partitions: readonly number[] }
  | {
      readonly type: 'runner-failed';
      readonly groupId: string;
      readonly partition: number;
      readonly error: Error;
      readonly retryInMs: number | null;
    }
  | { readonly type: 'runner-recovered'; readonly groupId: string; readonly partition: number }
  | {
      readonly type: 'client-log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly message: string;
    };

export interface KafkaDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly onEvent: (event: KafkaEvent) => void;
}

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  /** Topic configuration as Kafka names it, for instance `cleanup.policy`. */
  readonly config: Readonly<Record<string, string>>;
}

/** A header value as bytes; Kafka allows null. */
export type HeaderValue = Uint8Array | null;

/**
 * One fetched record. `key`, `value` and header values are views into the fetched bytes: copy what must outlive
 * the batch.
 */
export interface FetchedRecord {
  readonly offset: number;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** First header of that name, decoded when asked for; `undefined` when there is none. */
  header(name: string): Buffer | null | undefined;
  headers(): readonly (readonly [name: string, value: Buffer | null])[];
}

export interface FetchedBatch {
  readonly topic: string;
  readonly partition: number;
  /** In offset order; committed records only; never control records. May be empty when only markers were passed. */
  readonly records: readonly FetchedRecord[];
  /** Where the next fetch continues: past trailing markers and aborted records as well. */
  readonly nextOffset: number;
  readonly highWatermark: number;
  /** What the batch takes in memory. */
  readonly bytes: number;
}

export interface FetchOptions {
  readonly topic: string;
  readonly partition: number;
  /** First offset wanted. Below the log's start or above its end: `MillraceError` of kind `halt`. */
  readonly from: number;
  readonly signal: AbortSignal;
  /** Bound of one batch, default 10,000 records. */
  readonly maxRecords?: number;
  /** Bound of one fetch, default 1 MiB. */
  readonly maxBytes?: number;
}

export interface PartitionOffsets {
  readonly start: number;
  /** First offset of open transactions, or the high watermark. */
  readonly lastStable: number;
  readonly highWatermark: number;
}

/** Where the records of one send landed. */
export interface ProduceAck {
  readonly topic: string;
  readonly partition: number;
  readonly baseOffset: number;
  readonly count: number;
}

/**
 * Records on their way out, encoded into one record batch per topic partition as they are added, so that the
 * caller may reuse its buffers at once.
 */
export interface Outbox {
  add(
    topic: string,
    partition: number,
    key: Uint8Array | string | null,
    value: Uint8Array | null,
    headers?: readonly (readonly [name: string, value: Uint8Array | string])[],
  ): void;
  readonly count: number;
  readonly bytes: number;
  clear(): void;
}

/**
 * The producer of one transactional id. One transaction at a time. After any error other than `data` the producer
 * is spent: `close` it and take over again; Kafka's state topic then tells how the transaction ended.
 *
 * Errors: `fenced` (somebody took this id over), `transient` (broker or network), `systemic` (authorisation).
 */
export interface TransactionalProducer {
  readonly transactionalId: string;
  /** Adds the records to the open transaction, opening one when there is none. All partitions acked, or it throws. */
  send(outbox: Outbox): Promise<readonly ProduceAck[]>;
  /** Commits what was sent since the last commit; without anything sent it does nothing. */
  commit(): Promise<void>;
  abort(): Promise<void>;
  /** Drops the producer. An open transaction is left to the next takeover. */
  close(): Promise<void>;
}

/** Decides what to do with one partition for as long as it is ours; returns when `signal` aborts. */
export type PartitionRunner = (partition: number, signal: AbortSignal) => Promise<void>;

export interface PartitionHostOptions {
  /** `millrace.<instance>.<service>.<pipeline>`. */
  readonly groupId: string;
  /** The one topic whose partitions are shared. */
  readonly topic: string;
  readonly runner: PartitionRunner;
  /** Default 10,000. */
  readonly sessionTimeoutMs?: number;
}

export type PartitionStatus =
  | { readonly partition: number; readonly state: 'running' }
  | { readonly partition: number; readonly state: 'retrying' | 'paused' | 'halted'; readonly error: Error };

/**
 * A member of a group that runs one runner per assigned partition. A runner that fails is started again as
 * `policyFor(error.kind)` says: `halt` and `config` stay stopped until the process or the assignment changes.
 */
export interface PartitionHost {
  /** Runs until `stop`; rejects only when membership itself is beyond recovery. */
  readonly done: Promise<void>;
  status(): readonly PartitionStatus[];
  /** Whether the group has assigned us our share at least once and we are a member now. */
  readonly joined: boolean;
  /** Commits an offset for lag tools; failures are reported as events only. */
  commitForTools(partition: number, nextOffset: number): void;
  /**
   * Drains the runners (aborts their signals, waits for them), leaves the group. Rejects with the error of a runner
   * that could not finish what it had begun; the group is left all the same.
   */
  stop(): Promise<void>;
}

/** One shared connection pool to a cluster, and all that Millrace does with it. */
export interface KafkaClient {
  /** Kafka's own id of the cluster: state of another cluster must not be continued here. */
  clusterId(): Promise<string>;
  /** Whether the last request to the cluster succeeded. */
  readonly connected: boolean;
  /** Creates what is missing and compares what exists: another partition count is `MillraceError` of kind `halt`. */
  ensureTopics(specs: readonly TopicSpec[]): Promise<void>;
  partitionCount(topic: string): Promise<number>;
  offsets(topic: string, partition: number): Promise<PartitionOffsets>;
  /** First offset whose timestamp is at or after `timestampMs`, or the high watermark. */
  offsetAt(topic: string, partition: number, timestampMs: number): Promise<number>;
  /** Committed records from `from` on, forever, with one batch prefetched. Ends when the signal aborts. */
  fetch(options: FetchOptions): AsyncIterable<FetchedBatch>;
  /** Committed records from `from` (default: log start) to the high watermark at the time of the call, then ends. */
  readToEnd(
    topic: string,
    partition: number,
    options: { readonly from?: number; readonly signal: AbortSignal },
  ): AsyncIterable<FetchedBatch>;
  newOutbox(): Outbox;
  /** Fences every earlier owner of the id and ends its open transaction. Takes `transaction.timeout.ms` = 15 s. */
  takeOver(transactionalId: string, signal: AbortSignal): Promise<TransactionalProducer>;
  /** Plain acks=all produce with retries per partition: for records whose repetition folds by key. */
  produce(outbox: Outbox, signal: AbortSignal): Promise<readonly ProduceAck[]>;
  host(options: PartitionHostOptions): PartitionHost;
  close(): Promise<void>;
}
