import { FILE_TIME_HEADER, MARK_HEADER, type Mark, type MarkReader, sinkOfStage } from '@millrace/contracts';
import { asMillraceError, type Reason, type RecordValue } from '@millrace/core';
import type { FetchedBatch, FetchedRecord, WireDecoder } from '@millrace/kafka';
import type { Counting, SinkRow } from './port.ts';

/** A row with the record that it came from. */
export interface RunRow extends SinkRow {
  readonly record: FetchedRecord;
  readonly mark: Mark;
}

/** A record that cannot become a row of the target. Without a mark it is charged to no load. */
export interface Reject {
  readonly record: FetchedRecord;
  readonly mark: Mark | null;
  readonly reason: Reason;
}

/** A stretch of a batch that is applied in one transaction: one writer schema, one way of counting. */
export interface Run {
  readonly from: number;
  to: number;
  readonly counting: Counting;
  /** Of replays of this sink's own rejects, and of nothing else. */
  readonly replayed: boolean;
  readonly rows: RunRow[];
  readonly rejects: Reject[];
}

/** Replays may all be bad still: bounds what probing them costs. */
const REPLAYED_ROWS_MAX = 500;

export interface RunSplitter {
  /** `sink.<name>` of this sink. */
  readonly stage: string;
  readonly marks: MarkReader;
  readonly decoder: WireDecoder<RecordValue>;
  readonly check: (value: RecordValue) => Reason | null;
}

/** Loads the writer schemas of a batch. Those that the registry does not know make their records rejects. */
export async function prepareSchemas(decoder: WireDecoder<RecordValue>, batch: FetchedBatch): Promise<void> {
  let last = -1;
  const seen = new Set<number>();
  for (const { value } of batch.records) {
    if (value === null) continue;
    const id = decoder.schemaIdOf(value);
    if (id === last || id < 0) continue;
    last = id;
    seen.add(id);
  }
  for (const id of seen) {
    try {
      await decoder.prepare(id);
    } catch (error) {
      if (asMillraceError(error).kind !== 'data') throw error;
    }
  }
}

/** Splits a batch from `from` on into its runs, in order, without a gap between them. */
export function splitRuns(
  { stage, marks, decoder, check }: RunSplitter,
  batch: FetchedBatch,
  from: number,
  countedThrough: number,
): readonly Run[] {
  const runs: Run[] = [];
  let run: Run | null = null;
  let runSchema = -1;
  for (const record of batch.records) {
    // The first fetch may begin inside of a stored batch of records.
    if (record.offset < from) continue;
    const mark = marks.read(record.header(MARK_HEADER));
    const schema = record.value === null ? -1 : decoder.schemaIdOf(record.value);
    const counting = countingOf(mark, record.offset, countedThrough, stage);
    const replayed = mark !== null && mark.attempt > 1 && mark.stage === stage;
    if (
      run === null ||
      counting !== run.counting ||
      replayed !== run.replayed ||
      (schema >= 0 && runSchema >= 0 && schema !== runSchema) ||
      (replayed && run.rows.length + run.rejects.length >= REPLAYED_ROWS_MAX)
    ) {
      if (run !== null) run.to = record.offset;
      const start: number = run === null ? from : record.offset;
      run = { from: start, to: 0, counting, replayed, rows: [], rejects: [] };
      runSchema = -1;
      runs.push(run);
    }
    if (schema >= 0) runSchema = schema;
    const value = read(decoder, record);
    const reason = mark === null ? NO_MARK : value === null ? UNREADABLE : check(value);
    if (mark === null || value === null || reason !== null) {
      run.rejects.push({ record, mark, reason: reason ?? UNREADABLE });
      continue;
    }
    run.rows.push({
      ord: run.rows.length,
      offset: record.offset,
      loadId: mark.loadId,
      row: mark.row,
      fileTime: marks.fileTime(record.header(FILE_TIME_HEADER)),
      value,
      record,
      mark,
    });
  }
  if (run !== null) run.to = batch.nextOffset;
  return runs;
}

const NO_MARK: Reason = {
  code: 'MR-SINK-NO-MARK',
  message: 'the record has no readable header m, so it belongs to no load',
};

const UNREADABLE: Reason = {
  code: 'MR-SINK-UNREADABLE',
  message: 'the value is not Avro in wire format with a known schema that this output can read',
};

function countingOf(mark: Mark | null, offset: number, countedThrough: number, stage: string): Counting {
  if (offset < countedThrough) return 'uncounted';
  if (mark === null || mark.attempt === 1) return 'normal';
  if (mark.stage === stage) return 'resolved';
  return sinkOfStage(mark.stage) === null ? 'normal' : 'uncounted';
}

function read(decoder: WireDecoder<RecordValue>, record: FetchedRecord): RecordValue | null {
  if (record.value === null) return null;
  try {
    return decoder.decode(record.value);
  } catch (error) {
    if (asMillraceError(error).kind !== 'data') throw error;
    return null;
  }
}
