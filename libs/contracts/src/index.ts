export {
  type AvroRecordSchema,
  type AvroTypeOptions,
  ownType,
  ownTypeOptions,
  streamSchema,
  streamType,
  streamTypeOptions,
} from './avro.ts';
export {
  DEAD_LETTER_ORIGINAL_BYTES_MAX,
  deadLetterHeaders,
  deadLetterKey,
  deadLetterOf,
  type RejectedRecord,
} from './dead-letter.ts';
export { DEAD_LETTER_SCHEMA, type DeadLetter } from './generated/dead-letter.ts';
export {
  type EmittedCounts,
  type IngestCounts,
  LEDGER_ENTRY_SCHEMA,
  type LedgerEntry,
  type SinkCounts,
  type SinkStart,
  type TransformCounts,
} from './generated/ledger-entry.ts';
export { type ReplayRow, TASK_SCHEMA, type Task } from './generated/task.ts';
export {
  INGEST_STAGE,
  ledgerEntry,
  ledgerKey,
  NO_LOAD,
  sinkOfStage,
  sinkStage,
  TRANSFORM_STAGE,
} from './ledger.ts';
export { type LoadIdentity, loadIdOf } from './load-id.ts';
export {
  FILE_TIME_HEADER,
  formatFileTime,
  formatMark,
  formatReplayMark,
  LOAD_ID_LENGTH,
  MARK_HEADER,
  type Mark,
  parseFileTime,
  parseMark,
} from './mark.ts';
export { MarkReader, UNKNOWN_LOAD } from './mark-reader.ts';
export {
  groupId,
  LEDGER_PARTITIONS,
  LEDGER_TOPIC,
  ledgerName,
  type PipelineId,
  RESERVED_OUTPUTS,
  type ServiceName,
  type StateStage,
  sinkGroupId,
  sinkTransactionalId,
  spoolTransactionalId,
  topics,
  transactionalId,
} from './names.ts';
export { READING_FIELDS, READING_KEY } from './reading.ts';
export {
  type ExpectedSinks,
  type LoadAccount,
  type LoadState,
  reconcile,
  type SinkAccount,
} from './reconcile.ts';
export { fieldText, joinKey } from './record-key.ts';
export {
  type CataloguedPipeline,
  LEDGER_DEFINITION,
  pipelineTopics,
  type TopicDefinition,
} from './topic-catalogue.ts';
