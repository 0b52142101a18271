import { type ErrorKind, MillraceError } from '@millrace/core';

/** The error codes of the Kafka protocol that are told apart here (https://kafka.apache.org/protocol#protocol_error_codes). */
export const KafkaCode = {
  UNKNOWN: -1,
  NONE: 0,
  OFFSET_OUT_OF_RANGE: 1,
  CORRUPT_MESSAGE: 2,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER_OR_FOLLOWER: 6,
  REQUEST_TIMED_OUT: 7,
  BROKER_NOT_AVAILABLE: 8,
  REPLICA_NOT_AVAILABLE: 9,
  MESSAGE_TOO_LARGE: 10,
  NETWORK_EXCEPTION: 13,
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  INVALID_TOPIC: 17,
  RECORD_LIST_TOO_LARGE: 18,
  NOT_ENOUGH_REPLICAS: 19,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 20,
  ILLEGAL_GENERATION: 22,
  INCONSISTENT_GROUP_PROTOCOL: 23,
  INVALID_GROUP_ID: 24,
  UNKNOWN_MEMBER_ID: 25,
  INVALID_SESSION_TIMEOUT: 26,
  REBALANCE_IN_PROGRESS: 27,
  TOPIC_AUTHORIZATION_FAILED: 29,
  GROUP_AUTHORIZATION_FAILED: 30,
  CLUSTER_AUTHORIZATION_FAILED: 31,
  UNSUPPORTED_VERSION: 35,
  TOPIC_ALREADY_EXISTS: 36,
  INVALID_PARTITIONS: 37,
  INVALID_REPLICATION_FACTOR: 38,
  INVALID_CONFIG: 40,
  NOT_CONTROLLER: 41,
  POLICY_VIOLATION: 44,
  OUT_OF_ORDER_SEQUENCE: 45,
  DUPLICATE_SEQUENCE: 46,
  INVALID_PRODUCER_EPOCH: 47,
  INVALID_TXN_STATE: 48,
  INVALID_PRODUCER_ID_MAPPING: 49,
  INVALID_TRANSACTION_TIMEOUT: 50,
  CONCURRENT_TRANSACTIONS: 51,
  TRANSACTION_COORDINATOR_FENCED: 52,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 53,
  OPERATION_NOT_ATTEMPTED: 55,
  KAFKA_STORAGE_ERROR: 56,
  UNKNOWN_PRODUCER_ID: 59,
  FENCED_LEADER_EPOCH: 74,
  UNKNOWN_LEADER_EPOCH: 75,
  OFFSET_NOT_AVAILABLE: 78,
  MEMBER_ID_REQUIRED: 79,
  THROTTLING_QUOTA_EXCEEDED: 89,
  PRODUCER_FENCED: 90,
  UNKNOWN_TOPIC_ID: 100,
  TRANSACTION_ABORTABLE: 120,
} as const;

const NAMES = new Map<number, string>(Object.entries(KafkaCode).map(([name, code]) => [code, name]));

const C = KafkaCode;

/** The leader is elsewhere, or nowhere for the moment: read the metadata again. */
const LEADER_MOVED = new Set<number>([
  C.UNKNOWN_TOPIC_OR_PARTITION,
  C.LEADER_NOT_AVAILABLE,
  C.NOT_LEADER_OR_FOLLOWER,
  C.BROKER_NOT_AVAILABLE,
  C.REPLICA_NOT_AVAILABLE,
  C.NETWORK_EXCEPTION,
  C.KAFKA_STORAGE_ERROR,
  C.FENCED_LEADER_EPOCH,
  C.UNKNOWN_LEADER_EPOCH,
  C.OFFSET_NOT_AVAILABLE,
  C.UNKNOWN_TOPIC_ID,
]);

export const isLeaderMoved = (code: number): boolean => LEADER_MOVED.has(code);

/** The coordinator is elsewhere, or not ready: look it up again. */
export const isCoordinatorMoved = (code: number): boolean =>
  code === C.COORDINATOR_LOAD_IN_PROGRESS ||
  code === C.COORDINATOR_NOT_AVAILABLE ||
  code === C.NOT_COORDINATOR;

const TRANSIENT = new Set<number>([
  ...LEADER_MOVED,
  C.UNKNOWN,
  C.CORRUPT_MESSAGE,
  C.REQUEST_TIMED_OUT,
  C.COORDINATOR_LOAD_IN_PROGRESS,
  C.COORDINATOR_NOT_AVAILABLE,
  C.NOT_COORDINATOR,
  C.NOT_ENOUGH_REPLICAS,
  C.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  C.ILLEGAL_GENERATION,
  C.UNKNOWN_MEMBER_ID,
  C.REBALANCE_IN_PROGRESS,
  C.NOT_CONTROLLER,
  C.CONCURRENT_TRANSACTIONS,
  C.TRANSACTION_COORDINATOR_FENCED,
  C.OPERATION_NOT_ATTEMPTED,
  C.THROTTLING_QUOTA_EXCEEDED,
  // The producer's bookkeeping and the broker's differ (records or ids expired, the broker ended the transaction):
  // nobody else took over, a takeover sets it right.
  C.OUT_OF_ORDER_SEQUENCE,
  C.DUPLICATE_SEQUENCE,
  C.UNKNOWN_PRODUCER_ID,
  C.INVALID_TXN_STATE,
  C.TRANSACTION_ABORTABLE,
]);

/**
 * A newer owner of the transactional id exists. The broker gives INVALID_PRODUCER_EPOCH as well when it ended a
 * transaction that was open for too long; the way back, a takeover, is the same.
 */
const FENCED = new Set<number>([C.INVALID_PRODUCER_EPOCH, C.PRODUCER_FENCED, C.INVALID_PRODUCER_ID_MAPPING]);

const UNAUTHORISED = new Set<number>([
  C.TOPIC_AUTHORIZATION_FAILED,
  C.GROUP_AUTHORIZATION_FAILED,
  C.CLUSTER_AUTHORIZATION_FAILED,
  C.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
]);

const CONFIG = new Set<number>([
  C.INVALID_TOPIC,
  C.INCONSISTENT_GROUP_PROTOCOL,
  C.INVALID_GROUP_ID,
  C.INVALID_SESSION_TIMEOUT,
  C.INVALID_PARTITIONS,
  C.INVALID_CONFIG,
  C.POLICY_VIOLATION,
  C.INVALID_TRANSACTION_TIMEOUT,
]);

function kindOf(code: number): ErrorKind {
  if (FENCED.has(code)) return 'fenced';
  if (TRANSIENT.has(code)) return 'transient';
  if (CONFIG.has(code)) return 'config';
  return 'systemic';
}

const REMEDIES: Partial<Record<ErrorKind, string>> = {
  fenced: 'Nothing: another process has taken this partition over.',
  transient: 'Nothing if it passes; otherwise look at the brokers and their logs.',
  systemic: "Look at the broker's log around this time.",
  config: 'Correct the setting that the message names.',
};

/** What a broker's error code means for the caller. `doing` completes "Kafka refused …". */
export function kafkaError(code: number, doing: string): MillraceError {
  const name = NAMES.get(code) ?? `CODE_${code}`;
  if (UNAUTHORISED.has(code)) {
    return new MillraceError({
      kind: 'systemic',
      code: 'MR-KAFKA-UNAUTHORISED',
      message: `Kafka refused ${doing}: ${name}.`,
      remedy: "Grant the client's principal the missing ACL.",
    });
  }
  const kind = kindOf(code);
  const remedy = REMEDIES[kind];
  return new MillraceError({
    kind,
    code: `MR-KAFKA-${name.replaceAll('_', '-')}`,
    message: `Kafka refused ${doing}: ${name}.`,
    ...(remedy === undefined ? {} : { remedy }),
  });
}

/** Whether this is the error of a broken or silent connection, after which nothing is known about the request. */
export function isConnectionError(error: unknown): boolean {
  return error instanceof MillraceError && CONNECTION_CODES.has(error.code);
}

const CONNECTION_CODES = new Set(['MR-KAFKA-CONNECTION', 'MR-KAFKA-TIMEOUT']);
