import type { CsvFormat, FilePipeline } from '@millrace/config';
import type { ReplayRow } from '@millrace/contracts';
import type { Reason, RecordValue } from '@millrace/core';
import { CsvReader, RowBlock, UNREADABLE } from './domain/csv-reader.ts';
import { RowMapper } from './domain/row-mapper.ts';
import type { LoadState } from './domain/state.ts';
import { bytesPerUnit, type Encoding } from './domain/text-decoding.ts';

/** Fills `record` from the bytes of a rejected row, read under today's pipeline; or says why it is rejected again. */
export function mapReplayed(
  pipeline: FilePipeline,
  format: CsvFormat,
  load: LoadState,
  replay: ReplayRow,
  record: RecordValue,
): Reason | null {
  const header = replay.header ?? (format.header ? load.header : format.columns);
  try {
    const mapper = new RowMapper(pipeline.record.fields, format, header, load.headerLine);
    const encoding = encodingOf(format, load);
    const position = { byteOffset: 0, line: replay.line, lineEnd: load.lineEnd ?? 'lf', encoding };
    const reader = new CsvReader(format, position);
    reader.push(replay.original);
    reader.end();
    const block = reader.next();
    const texts: string[] = [];
    if (block && !(block instanceof RowBlock)) return mapper.map(texts, UNREADABLE.tooLong, record);
    if (block?.count !== 1) return { code: 'MR-ROW-COLUMNS', message: 'it is not exactly one row' };
    return mapper.map(texts, block.fields(0, texts), record);
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string')
      return { code: error.code, message: error.message };
    throw error;
  }
}

/** The pipeline's, so that an edit of it can mend a row; but the byte order that a mark of the file had settled. */
function encodingOf(format: CsvFormat, load: LoadState): Encoding {
  const bothWide = bytesPerUnit(format.encoding) === 2 && bytesPerUnit(load.encoding) === 2;
  return bothWide ? load.encoding : format.encoding;
}
