import { MARK_HEADER, type Mark, type MarkReader, TRANSFORM_STAGE, UNKNOWN_LOAD } from '@millrace/contracts';
import {
  ACCEPTED,
  asMillraceError,
  countRow,
  DUPLICATE,
  type RecordValue,
  rejected,
  type Tally,
  type Verdict,
} from '@millrace/core';
import type { FetchedBatch, FetchedRecord } from '@millrace/kafka';
import type { DedupeMemory } from './domain/dedupe-memory.ts';
import type { LoadAccounts, LoadPart } from './domain/load-accounts.ts';
import type { TransformProgram } from './domain/program.ts';
import type { BatchWriter, RawReader } from './ports.ts';

/** What a partition remembers between batches; all of it is in the state topic as well. */
export interface PartitionMemory {
  readonly accounts: LoadAccounts;
  readonly dedupe: DedupeMemory | null;
  readonly marks: MarkReader;
}

/** What a batch came to, for metrics. */
export interface BatchSummary {
  records: number;
  accepted: number;
  duplicates: number;
  filtered: number;
  rejected: number;
  /** Accepted or rejected a second time: not part of the four above. */
  replayed: number;
  /** Without a readable mark: dead letters that are charged to no load. */
  unmarked: number;
  /** Rejects by reason code. */
  readonly reasons: Map<string, number>;
}

/**
 * raw → rules → computed fields → dedupe → outputs, for the records of one batch. Pure but for the writer's buffers
 * and the memory, which belong to the batch's transaction: if that fails, both are thrown away.
 */
export class TransformPipeline {
  readonly #program: TransformProgram;
  readonly #reader: RawReader;
  readonly #wanted: boolean[];

  constructor(program: TransformProgram, reader: RawReader) {
    this.#program = program;
    this.#reader = reader;
    this.#wanted = program.outputs.map(() => false);
  }

  run(batch: FetchedBatch, memory: PartitionMemory, writer: BatchWriter): BatchSummary {
    const summary = emptySummary();
    for (const record of batch.records) {
      summary.records += 1;
      const mark = memory.marks.read(record.header(MARK_HEADER));
      if (mark === null) this.#setAside(record, summary, writer);
      else this.#one(record, mark, memory, writer, summary);
    }
    return summary;
  }

  #one(
    record: FetchedRecord,
    mark: Mark,
    memory: PartitionMemory,
    writer: BatchWriter,
    summary: BatchSummary,
  ): void {
    const load = memory.accounts.at(mark.loadId, record.offset);
    const value = this.#read(record);
    const verdict = value === null ? UNREADABLE : this.#decide(record, value, memory.dedupe, writer);
    if (verdict.kind === 'accepted' && value !== null) this.#emit(record, mark, value, load, writer);
    if (verdict.kind === 'rejected') {
      const { code } = verdict.reason;
      writer.deadLetter(record, mark, verdict.reason);
      summary.reasons.set(code, (summary.reasons.get(code) ?? 0) + 1);
    }
    charge(load, mark, verdict, summary);
  }

  /** `null` for a value that cannot be read. */
  #read(record: FetchedRecord): RecordValue | null {
    if (record.value === null) return null;
    try {
      return this.#reader.read(record.value);
    } catch (error) {
      // Whatever is not about this record must not cost a good one.
      if (asMillraceError(error).kind !== 'data') throw error;
      // The reader's own words may hold bytes of the record; the dead letter has the record itself.
      return null;
    }
  }

  #decide(
    record: FetchedRecord,
    value: RecordValue,
    dedupe: DedupeMemory | null,
    writer: BatchWriter,
  ): Verdict {
    const program = this.#program;
    const ruled = program.judge(value);
    if (ruled.kind !== 'accepted') return ruled;
    const unfit = program.compute(value);
    if (unfit !== null) return { kind: 'rejected', reason: unfit };
    if (dedupe !== null && program.dedupeKeyOf !== null) {
      dedupe.advance(record.timestamp);
      if (dedupe.has(program.dedupeKeyOf(value))) return DUPLICATE;
    }
    const outputs = program.route(value, this.#wanted);
    if (typeof outputs !== 'number') return { kind: 'rejected', reason: outputs };
    if (outputs === 0) return NO_OUTPUT;
    if (this.#mayBeLarge(record, value) && this.#isTooLarge(record, value, writer)) return TOO_LARGE;
    dedupe?.add(record.offset);
    return ACCEPTED;
  }

  /** Cheap, so that only records that could be too large are encoded twice. */
  #mayBeLarge(record: FetchedRecord, value: RecordValue): boolean {
    let length = record.value?.length ?? 0;
    for (const name of this.#program.computedTexts) {
      const text = value[name];
      if (typeof text === 'string' || Buffer.isBuffer(text)) length += text.length;
    }
    return length > SURELY_SMALL;
  }

  #isTooLarge(record: FetchedRecord, value: RecordValue, writer: BatchWriter): boolean {
    return this.#program.outputs.some(
      (output, i) =>
        this.#wanted[i] === true &&
        writer.bytesOf(i, output.keyOf(value), value, record) > OUTPUT_RECORD_BYTES_MAX,
    );
  }

  #emit(record: FetchedRecord, mark: Mark, value: RecordValue, load: LoadPart, writer: BatchWriter): void {
    const { outputs } = this.#program;
    for (let i = 0; i < outputs.length; i += 1) {
      const output = outputs[i];
      const emitted = load.emitted[i];
      if (this.#wanted[i] !== true || output === undefined || emitted === undefined) continue;
      writer.emit(i, output.keyOf(value), value, record, load);
      countRow(emitted.tally, load.seed, mark.row);
    }
  }

  /** ADR 0008, case 6. The offset stands in for the row. */
  #setAside(record: FetchedRecord, summary: BatchSummary, writer: BatchWriter): void {
    summary.unmarked += 1;
    const mark = { loadId: UNKNOWN_LOAD, row: record.offset, attempt: 1 };
    writer.deadLetter(record, mark, NO_MARK);
  }
}

/** Kafka takes a million bytes with headers and framing (`libs/kafka`, LIMITS). */
const OUTPUT_RECORD_BYTES_MAX = 950_000;
/** Bytes and characters: in UTF-8, twice for the key with every character escaped, still far from the bound. */
const SURELY_SMALL = 20_000;

const TOO_LARGE = rejected('MR-ROW-TOO-LARGE', 'an output record would be larger than Kafka takes');
const UNREADABLE = rejected(
  'MR-ROW-UNREADABLE',
  'the value is not a record of this pipeline in Avro wire format, or the registry does not know its schema',
);
const NO_OUTPUT: Verdict = { kind: 'filtered', rule: 'no-output' };
const NO_MARK = {
  code: 'MR-ROW-NO-MARK',
  message: 'the record has no readable header m, so it belongs to no load',
  field: 'm',
};

/** Adds the record to its load's account. A replay of our own reject settles that reject and nothing else. */
function charge(load: LoadPart, mark: Mark, verdict: Verdict, summary: BatchSummary): void {
  if (mark.attempt > 1 && mark.stage === TRANSFORM_STAGE) {
    summary.replayed += 1;
    if (verdict.kind !== 'rejected') countRow(load.resolved, load.seed, mark.row);
    return;
  }
  countRow(tallyOf(load, verdict), load.seed, mark.row);
  switch (verdict.kind) {
    case 'accepted':
      summary.accepted += 1;
      break;
    case 'duplicate':
      summary.duplicates += 1;
      break;
    case 'filtered':
      summary.filtered += 1;
      break;
    case 'rejected':
      summary.rejected += 1;
      break;
  }
}

function tallyOf(load: LoadPart, verdict: Verdict): Tally {
  switch (verdict.kind) {
    case 'accepted':
      return load.accepted;
    case 'duplicate':
      return load.duplicates;
    case 'filtered':
      return load.filtered;
    case 'rejected':
      return load.rejected;
  }
}

function emptySummary(): BatchSummary {
  return {
    records: 0,
    accepted: 0,
    duplicates: 0,
    filtered: 0,
    rejected: 0,
    replayed: 0,
    unmarked: 0,
    reasons: new Map(),
  };
}
