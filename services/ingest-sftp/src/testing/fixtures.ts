import type { CsvFormat, FileSource } from '@millrace/config';

/** For tests: the defaults of a CSV format. */
export function csvFormat(changes: Partial<CsvFormat> = {}): CsvFormat {
  return {
    delimiter: ',',
    quote: '"',
    header: true,
    columns: [],
    encoding: 'utf-8',
    skipLines: 0,
    decimal: '.',
    thousands: '',
    timestamp: 'iso',
    date: 'iso',
    zone: 'UTC',
    nulls: [''],
    maxRowBytes: 1_048_576,
    extraColumns: 'ignore',
    ...changes,
  };
}

export type Patterns = Pick<FileSource, 'files' | 'archive'>;
