export { BOOKKEEPING_TABLES, type SinkIdentity, sinkColumn } from './bookkeeping.ts';
export { type CatalogColumn, type CatalogTable, readTable } from './catalog.ts';
export { type Claimed, type ClaimOptions, claim } from './claim.ts';
export { compareTable, type Difference } from './compare.ts';
export { type Connection, type ConnectOptions, connect } from './connection.ts';
export { createCopyEncoder, type StagedRow } from './copy-encoder.ts';
export { createTableStatements } from './ddl.ts';
export { classify } from './errors.ts';
export { type ProvisionOptions, provision } from './provision.ts';
export { quoteIdent, quoteList, quoteTable, quoteText } from './quote.ts';
export type { OffsetPlace } from './requests.ts';
export { type RewindPlace, type RewindStep, type RewindTarget, rewind, rewindPlan } from './rewind.ts';
export {
  type CountedStep,
  type LoadAccountRow,
  PostgresSession,
  type SessionOptions,
  type Step,
} from './session.ts';
export { STAGE } from './staging.ts';
export { type ColumnSpec, type FieldColumn, LINEAGE, type TableSpec, type WriteMode } from './table-spec.ts';
export { type ReadyTable, TableTarget, type TableTargetOptions } from './table-target.ts';
