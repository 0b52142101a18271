/** Every bound of this library in one place. Times in milliseconds, sizes in bytes. */
export const LIMITS = {
  /** TCP, TLS, SASL and version exchange together. */
  connectMs: 5_000,
  /** Any request that has no longer deadline of its own. */
  requestMs: 5_000,
  /** How long a broker may wait for its followers on produce; our own deadline is `requestMs` more. */
  produceMs: 8_000,
  /** How long a broker holds a fetch without data; shorter while other partitions of it are busy. */
  fetchWaitMs: 250,
  busyFetchWaitMs: 15,
  /** One fetch answer over all partitions. */
  fetchAnswerBytes: 16 << 20,
  /** Leader and coordinator look-ups, topic creation, position checks: in all, with retries. */
  lookupMs: 15_000,
  /** How long a new topic may be unknown to some broker before it counts as missing. */
  topicMissingMs: 2_000,
  /** A position above the end has to stay so: a new leader may trail behind for a moment. */
  aboveEndMs: 2_500,
  /** Retried plain produce, in all. */
  plainProduceMs: 30_000,
  takeOverMs: 30_000,
  /** EndTxn and AddPartitionsToTxn with their retries: below the transaction's time-out. */
  transactionStepMs: 10_000,
  transactionTimeoutMs: 15_000,
  /** Reading to the end without any progress: longer than the broker leaves a foreign transaction open. */
  readStallMs: 30_000,
  /** A produced record batch, below the broker's default `max.message.bytes` of 1,048,588. */
  batchBytes: 900_000,
  recordBytes: 1_000_000,
  /** One decompressed batch. */
  decompressedBytes: 64 << 20,
  heartbeatMs: 500,
  sessionMs: 10_000,
  leaveMs: 5_000,
  /** How long a stopped member waits for the answer to a join, to leave once more. */
  lastJoinMs: 2_000,
  /** A runner that lasted this long, or reported progress, has recovered. */
  recoveredMs: 5_000,
  defaultFetchBytes: 1 << 20,
  defaultFetchRecords: 10_000,
} as const;
