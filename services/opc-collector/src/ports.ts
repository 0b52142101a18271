/** An open file that is only appended to. */
export interface AppendFile {
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when everything written before the call is on the medium. After a failure the file is not to be used. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The disk under the spool. Errors are those of `node:fs` and are judged by the caller; nothing here retries. Names
 * of files and folders created are durable when the call returns.
 */
export interface SpoolDisk {
  /** Creates parents as well. */
  makeFolder(path: string): Promise<void>;
  /** Empty when the folder is not there. */
  list(
    path: string,
  ): Promise<readonly { readonly name: string; readonly folder: boolean; readonly bytes: number }[]>;
  /** Fails when it exists. */
  create(path: string): Promise<AppendFile>;
  /** Up to `length` bytes from `from`; fewer at the end. */
  read(path: string, from: number, length: number): Promise<Buffer>;
  /** Replaces the file as a whole, or leaves it as it was. */
  replace(path: string, bytes: Uint8Array): Promise<void>;
  /** Nothing when it is not there; folders with all that is in them. */
  remove(path: string): Promise<void>;
}
