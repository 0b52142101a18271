import { counter, type EventTable, gauge, histogram } from '@millrace/service-kit';

const rowsPublished = counter('millrace_ingest_rows_published_total', 'Rows published to the raw topic');
const rowsRejected = counter('millrace_ingest_rows_rejected_total', 'Rows set aside at the source');
const filesFinished = counter('millrace_ingest_files_total', 'Files by how their load ended', ['state']);
const bytesRead = counter('millrace_ingest_read_bytes_total', 'Bytes of finished files');
const commitSeconds = histogram(
  'millrace_ingest_commit_seconds',
  'Duration of a transaction, from send to commit',
  [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
);
const serverUp = gauge('millrace_ingest_server_up', '1 while the file server answers');
const knownFiles = gauge('millrace_ingest_known_files', 'Files that the scanner remembers');

export type IngestEvent =
  | {
      readonly type: 'partition-taken';
      readonly partition: number;
      readonly next: number;
      readonly resumes: string | null;
    }
  | { readonly type: 'tasks-lost'; readonly partition: number; readonly from: number; readonly to: number }
  | { readonly type: 'files-found'; readonly issued: number; readonly known: number }
  | { readonly type: 'name-refused'; readonly folder: string; readonly count: number }
  | { readonly type: 'folder-unreadable'; readonly folder: string; readonly error: Error }
  | { readonly type: 'folder-readable'; readonly folder: string }
  | { readonly type: 'load-started'; readonly loadId: string; readonly path: string; readonly bytes: number }
  | {
      readonly type: 'load-resumed';
      readonly loadId: string;
      readonly path: string;
      readonly row: number;
      readonly byteOffset: number;
      /** The pipeline file differs from the one under which the rows so far were read. */
      readonly edited: boolean;
    }
  | {
      readonly type: 'load-published';
      readonly loadId: string;
      readonly path: string;
      readonly bytes: number;
      readonly rows: number;
      readonly rejected: number;
      readonly ms: number;
    }
  | {
      readonly type: 'load-abandoned';
      readonly loadId: string;
      readonly path: string;
      readonly reason: string;
    }
  | { readonly type: 'file-trouble'; readonly path: string; readonly attempt: number; readonly error: Error }
  | { readonly type: 'file-archived'; readonly path: string; readonly to: string }
  | { readonly type: 'archive-failed'; readonly path: string; readonly error: Error }
  | {
      readonly type: 'row-replayed';
      readonly loadId: string;
      readonly row: number;
      readonly accepted: boolean;
    }
  | { readonly type: 'task-unreadable'; readonly partition: number; readonly offset: number }
  | { readonly type: 'committed'; readonly rows: number; readonly ms: number }
  | {
      readonly type: 'server-lost';
      readonly error: Error;
      readonly retryInMs: number;
      readonly loud: boolean;
    }
  | { readonly type: 'server-back'; readonly downMs: number };

/** Each event of ingest with its log line and its metrics. */
export const INGEST_EVENTS: EventTable<IngestEvent> = {
  'partition-taken': {
    level: 'info',
    message: (event) =>
      event.resumes === null
        ? `Partition ${event.partition}: tasks from offset ${event.next}`
        : `Partition ${event.partition}: tasks from offset ${event.next}, in the middle of ${event.resumes}`,
  },
  'tasks-lost': {
    level: 'error',
    message: (event) =>
      `Partition ${event.partition}: tasks ${event.from} to ${event.to} were deleted unread; their files are issued again`,
  },
  'files-found': {
    level: (event) => (event.issued > 0 ? 'info' : 'none'),
    message: (event) => `Found ${event.issued} files to read`,
    metrics: (meter, event) => meter.set(knownFiles, event.known),
  },
  'name-refused': {
    level: 'warn',
    message: (event) => `${event.folder}: ${event.count} names are not safe to use and are left alone`,
  },
  'folder-unreadable': { level: 'warn', message: (event) => `${event.folder} cannot be listed` },
  'folder-readable': { level: 'info', message: (event) => `${event.folder} can be listed again` },
  'load-started': { level: 'debug', message: (event) => `Reading ${event.path}` },
  'load-resumed': {
    level: (event) => (event.edited ? 'warn' : 'info'),
    message: (event) => {
      const place = `Going on with ${event.path} behind row ${event.row}`;
      return event.edited ? `${place}, under an edited pipeline: the load is marked` : place;
    },
  },
  'load-published': {
    level: 'info',
    message: (event) => `Published ${event.path}: ${event.rows} rows, ${event.rejected} rejected`,
    metrics: (meter, event) => {
      meter.add(filesFinished, 1, { state: 'published' });
      meter.add(rowsRejected, event.rejected);
      meter.add(bytesRead, event.bytes);
    },
  },
  'load-abandoned': {
    level: 'warn',
    message: (event) => `Abandoned ${event.path}: ${event.reason}`,
    metrics: (meter) => meter.add(filesFinished, 1, { state: 'abandoned' }),
  },
  'file-trouble': { level: 'warn', message: (event) => `${event.path}: try ${event.attempt} failed` },
  'file-archived': { level: 'debug', message: (event) => `Moved ${event.path} to ${event.to}` },
  'archive-failed': {
    level: 'warn',
    message: (event) => `${event.path} is published but cannot be moved to the archive`,
  },
  'row-replayed': {
    level: 'info',
    message: (event) =>
      `Row ${event.row} of ${event.loadId} was replayed and ${event.accepted ? 'published' : 'rejected again'}`,
  },
  'task-unreadable': { level: 'error', message: 'A task cannot be read and is passed over' },
  committed: {
    level: 'none',
    message: 'Committed',
    metrics: (meter, event) => {
      meter.add(rowsPublished, event.rows);
      meter.observe(commitSeconds, event.ms / 1_000);
    },
  },
  'server-lost': {
    level: (event) => (event.loud ? 'error' : 'warn'),
    message: (event) => event.error.message,
    metrics: (meter) => meter.set(serverUp, 0),
  },
  'server-back': {
    level: 'info',
    message: (event) => `The SFTP server answers again after ${Math.round(event.downMs / 1_000)} s`,
    metrics: (meter) => meter.set(serverUp, 1),
  },
};
