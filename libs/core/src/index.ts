export { Backoff } from './backoff.ts';
export { ByteBudget } from './byte-budget.ts';
export { type Clock, type Random, systemClock } from './clock.ts';
export { type CrashPoint, crashPoint } from './crash-point.ts';
export {
  asMillraceError,
  type ErrorDetails,
  type ErrorKind,
  MillraceError,
  type Policy,
  policyFor,
  type Reaction,
} from './errors.ts';
export type { FieldDef, FieldType, FieldValue, RecordValue } from './field-types.ts';
export { final32, hash96, murmur2, partitionFor } from './hash.ts';
export {
  addTally,
  countRow,
  emptyTally,
  formatTally,
  type LoadSeed,
  loadSeed,
  parseTally,
  sameTally,
  sumTallies,
  type Tally,
} from './tally.ts';
export { ACCEPTED, DUPLICATE, type Reason, rejected, type Verdict } from './verdict.ts';
