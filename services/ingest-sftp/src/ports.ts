/** What a server says about a file. `mtimeMs` has the server's precision, often whole seconds. */
export interface RemoteStat {
  readonly size: number;
  readonly mtimeMs: number;
}

export interface RemoteEntry extends RemoteStat {
  /** Name inside its folder, as the server gives it: not to be trusted. */
  readonly name: string;
  readonly kind: 'file' | 'folder' | 'other';
}

/**
 * Files on another machine.
 *
 * - **Errors.** `MillraceError` of kind `data` (`MR-FILE-…`) when the trouble is this path's: not found, permission
 *   denied, refused by the server. Kind `transient` or `systemic` (`MR-SFTP-…`) when it is the server's: connection
 *   refused, lost or silent, login refused, host key unknown. The caller waits and tries again; nothing here retries.
 * - **Deadlines.** Every call ends within the connect time-out plus the idle time-out without a byte; a transfer may
 *   last longer as long as bytes move. A silent connection is dropped, and with it the other calls on it fail.
 * - **Cancellation.** An aborted signal rejects with its reason; the server's handles are closed.
 * - **Order and completeness.** `read` yields the file's bytes from offset 0 without gap or repetition, and ends
 *   early when the file is shorter than `size`; it never yields more than `size` bytes. It does not notice that a
 *   file was rewritten meanwhile: compare `stat` before and after.
 * - **Safety.** `rename` never replaces a file: an existing target is `MR-FILE-EXISTS`.
 */
export interface RemoteFiles {
  /** The entries of one folder, in batches, in no order. */
  list(folder: string, signal: AbortSignal): AsyncIterable<readonly RemoteEntry[]>;
  /** Null when nothing is there. */
  stat(path: string, signal: AbortSignal): Promise<RemoteStat | null>;
  read(path: string, size: number, signal: AbortSignal): AsyncIterable<Buffer>;
  rename(from: string, to: string, signal: AbortSignal): Promise<void>;
  /** Creates the folder and its parents where they are missing. */
  makeFolder(path: string, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
