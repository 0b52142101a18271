import { join } from 'node:path';
import type { CsvFormat, FilePipeline } from '@millrace/config';
import { formatFileTime, formatMark, ledgerName } from '@millrace/contracts';
import type { Clock, Reason, RecordValue } from '@millrace/core';
import { LoadAccount, type LoadOutcome, type Publisher } from '@millrace/source-kit';
import { spooled, streamed } from './content.ts';
import { type RowPlace, rejectedRow, rejectedSkippedRow } from './dead-letters.ts';
import { CsvReader, FormatProblem, RowBlock, type SkippedRow, UNREADABLE } from './domain/csv-reader.ts';
import { PrefixDigest } from './domain/prefix-digest.ts';
import { keyOf } from './domain/record-key.ts';
import { RowMapper } from './domain/row-mapper.ts';
import { type FileVersion, type ProgressState, stateKeys } from './domain/state.ts';
import type { RemoteFiles } from './ports.ts';

export interface FileLoadDeps {
  readonly pipeline: FilePipeline;
  readonly partition: number;
  readonly files: RemoteFiles;
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly workFolder: string;
  /** Called as bytes arrive. */
  readonly turn: () => void;
}

/** The load cannot go on as this version: closed as `abandoned`. */
export class Abandon extends Error {
  /** Whether only an edit of file or pipeline can help. */
  readonly hopeless: boolean;
  constructor(reason: string, hopeless = false) {
    super(reason);
    this.hopeless = hopeless;
  }
}

/** Where the file stands: always at a row boundary. */
interface Place {
  row: number;
  line: number;
  byteOffset: number;
}

/**
 * Reads one version of one file and publishes its rows. `run` may be called again after trouble with the server:
 * each call reads the file from its beginning, hashes what is done already, compares, and goes on behind it.
 */
export class FileLoad {
  readonly account: LoadAccount;
  readonly #deps: FileLoadDeps;
  readonly #file: FileVersion;
  readonly #format: CsvFormat;
  readonly #fileTime: string;
  readonly #key: (record: RecordValue) => string;
  readonly #texts: string[] = [];
  readonly #record: RecordValue = {};
  #mapper: RowMapper | null = null;
  #header: readonly string[] = [];
  #headerLine = 0;
  #reader: CsvReader;
  #digest = new PrefixDigest();
  #digestAtPlace: string | null = null;
  #place: Place = { row: 0, line: 1, byteOffset: 0 };
  #resume: ProgressState | null;
  readonly #edited: boolean;

  constructor(deps: FileLoadDeps, file: FileVersion, format: CsvFormat, progress: ProgressState | null) {
    const { record } = deps.pipeline;
    this.#deps = deps;
    this.#file = file;
    this.#format = format;
    this.#resume = progress;
    const hash = progress?.pipelineHash ?? deps.pipeline.hash;
    this.#edited = progress?.edited === true || hash !== deps.pipeline.hash;
    this.#fileTime = formatFileTime(file.mtimeMs);
    this.#key = keyOf(record.key, record.fields);
    this.account = new LoadAccount(file, progress?.tallies);
    this.#reader = progress ? new CsvReader(format, progress) : new CsvReader(format);
    this.#header = progress?.header ?? [];
    this.#headerLine = progress?.headerLine ?? 0;
    // Fields in the record's order give the reused object one shape.
    for (const field of record.fields) this.#record[field.name] = null;
  }

  get header(): { readonly header: readonly string[]; readonly headerLine: number } {
    return { header: this.#header, headerLine: this.#headerLine };
  }

  get encoding(): CsvReader['encoding'] {
    return this.#reader.encoding;
  }

  get lineEnd(): CsvReader['lineEnd'] {
    return this.#reader.lineEnd;
  }

  /** Whether rows of it were read under more than one state of the pipeline file. */
  get edited(): boolean {
    return this.#edited;
  }

  /**
   * @returns the sha-256 of the whole file
   * @throws Abandon when this version cannot be finished; `MillraceError` as `RemoteFiles` and `Publisher` say
   */
  async run(signal: AbortSignal): Promise<string> {
    await this.#unchanged(signal, 'before it was read');
    const resume = this.#resume;
    this.#begin(resume);
    const prefix = resume?.byteOffset ?? 0;
    let total = 0;
    for await (const chunk of this.#content(signal)) {
      const skipped = Math.min(Math.max(0, prefix - total), chunk.length);
      total += chunk.length;
      this.#deps.turn();
      this.#digest.push(chunk);
      if (skipped > 0) {
        this.#digest.advanceTo(Math.min(total, prefix));
        if (total >= prefix) this.#comparePrefix(resume);
        if (skipped === chunk.length) continue;
      }
      this.#reader.push(skipped > 0 ? chunk.subarray(skipped) : chunk);
      await this.#drain();
      this.#advanceDigest();
    }
    if (total !== this.#file.size)
      throw new Abandon(`${total} bytes came of the ${this.#file.size} that it had`);
    this.#reader.end();
    await this.#drain();
    this.#mapperOfHeaderless();
    // A copy was compared when it was complete; what happens to the file since then is the next version.
    if (!this.#deps.pipeline.source.spool) await this.#unchanged(signal, 'while it was read');
    this.#digest.advanceTo(total);
    return this.#digest.digest();
  }

  /** Adds progress up to the last row to the open transaction; nothing before the header is known. */
  addProgress(at: number): void {
    const progress = this.#progress();
    if (!progress) return;
    const { publisher } = this.#deps;
    publisher.setState(stateKeys.progress, progress);
    this.addLedger({ state: 'open', sha256: null, reason: null }, at);
    this.#resume = progress;
  }

  addLedger(outcome: LoadOutcome, at: number): void {
    const { pipeline, partition, publisher } = this.#deps;
    const place = { pipeline: ledgerName(pipeline), source: pipeline.source.name, partition, at };
    publisher.setLedger(this.account.ledgerEntry(place, { ...outcome, reason: this.marked(outcome.reason) }));
  }

  /** What is to be said of the load, with the mark of one that two states of the pipeline file have read. */
  marked(reason: string | null): string | null {
    if (!this.#edited) return reason;
    return reason === null ? EDITED : `${reason}; ${EDITED}`;
  }

  #content(signal: AbortSignal): AsyncIterable<Buffer> {
    const { files, pipeline, partition, workFolder } = this.#deps;
    if (!pipeline.source.spool) return streamed(files, this.#file, signal);
    const verify = (): Promise<void> => this.#unchanged(signal, 'while it was copied');
    const folder = join(workFolder, `spool-${pipeline.name}-${partition}`);
    return spooled(files, this.#file, folder, verify, signal);
  }

  #begin(resume: ProgressState | null): void {
    this.#digest = new PrefixDigest();
    this.#digestAtPlace = null;
    this.#reader = resume ? new CsvReader(this.#format, resume) : new CsvReader(this.#format);
    this.#place = { row: 0, line: 1, byteOffset: 0 };
    if (!resume) return;
    this.#place = { row: resume.row, line: resume.line, byteOffset: resume.byteOffset };
    this.#setHeader(resume.header, resume.headerLine);
  }

  #comparePrefix(resume: ProgressState | null): void {
    if (resume && this.#digest.digest() !== resume.prefixSha256)
      throw new Abandon('its beginning changed after it had been read, with size and time unchanged');
  }

  async #unchanged(signal: AbortSignal, when: string): Promise<void> {
    const now = await this.#deps.files.stat(this.#file.path, signal);
    if (!now) throw new Abandon(`it was gone ${when}`);
    const { size, mtimeMs } = this.#file;
    if (now.size !== size) throw new Abandon(`its size changed ${when}, from ${size} to ${now.size} bytes`);
    if (now.mtimeMs !== mtimeMs) throw new Abandon(`its modification time changed ${when}`);
  }

  async #drain(): Promise<void> {
    for (let item = this.#next(); item; item = this.#next()) {
      if (item instanceof RowBlock) await this.#block(item);
      else this.#skipped(item);
    }
  }

  /** Hashes what is done; inside a row too long to hold also what was dropped, with the digest in front of it kept. */
  #advanceDigest(): void {
    this.#digest.advanceTo(this.#place.byteOffset);
    if (!this.#reader.skipping) {
      this.#digestAtPlace = null;
      return;
    }
    this.#digestAtPlace ??= this.#digest.digest();
    this.#digest.advanceTo(this.#reader.offset);
  }

  #next(): RowBlock | SkippedRow | null {
    try {
      return this.#reader.next();
    } catch (error) {
      if (error instanceof FormatProblem) throw new Abandon(`${error.code}: ${error.message}`, true);
      throw error;
    }
  }

  async #block(block: RowBlock): Promise<void> {
    const { publisher } = this.#deps;
    for (let index = 0; index < block.count; index += 1) {
      const count = block.fields(index, this.#texts);
      if (!this.#mapper && this.#takeHeader(block, index, count)) continue;
      this.#row(block, index, count);
      if (!publisher.full) continue;
      this.#place.line = block.lineAfter(index);
      this.#place.byteOffset = block.offsetAfter(index);
      await publisher.startFlush();
    }
    this.#place.line = this.#reader.line;
    this.#place.byteOffset = block.endOffset;
  }

  /** Whether the row was the header. */
  #takeHeader(block: RowBlock, index: number, count: number): boolean {
    if (!this.#format.header) {
      this.#setHeader(this.#format.columns, 0);
      return false;
    }
    const line = block.line(index);
    if (count < 0) {
      const what =
        count === UNREADABLE.encoding ? 'is not valid in its encoding' : 'cannot be split into columns';
      throw new Abandon(`MR-FILE-HEADER: line ${line}: the header ${what}`, true);
    }
    this.#setHeader(this.#texts.slice(0, count), line);
    return true;
  }

  #setHeader(header: readonly string[], line: number): void {
    try {
      this.#mapper = new RowMapper(this.#deps.pipeline.record.fields, this.#format, header, line);
    } catch (error) {
      if (error instanceof FormatProblem) throw new Abandon(`${error.code}: ${error.message}`, true);
      throw error;
    }
    this.#header = header;
    this.#headerLine = line;
  }

  /** A file without rows has its columns all the same. */
  #mapperOfHeaderless(): void {
    if (!this.#mapper && !this.#format.header) this.#setHeader(this.#format.columns, 0);
  }

  #row(block: RowBlock, index: number, count: number): void {
    const row = this.#place.row + 1;
    this.#place.row = row;
    const reason = this.#mapper?.map(this.#texts, count, this.#record) ?? null;
    if (reason) {
      this.#reject(row, block.line(index), reason, block.raw(index));
      return;
    }
    const mark = formatMark(this.#file.loadId, row);
    if (this.#deps.publisher.addRow(this.#key(this.#record), this.#record, mark, this.#fileTime))
      this.account.published(row);
    else this.#reject(row, block.line(index), TOO_LARGE, block.raw(index));
  }

  #reject(row: number, line: number, reason: Reason, original: Uint8Array): void {
    this.#deps.publisher.addDeadLetter(rejectedRow(this.#rowPlace(row, line), reason, original));
    this.account.rejected(row);
  }

  #skipped(skipped: SkippedRow): void {
    if (!this.#mapper) {
      if (this.#format.header)
        throw new Abandon(`MR-FILE-HEADER: line ${skipped.line}: the header is too long`, true);
      this.#setHeader(this.#format.columns, 0);
    }
    const row = this.#place.row + 1;
    const message = `the row is longer than ${this.#format.maxRowBytes} bytes`;
    const reason = { code: 'MR-ROW-TOO-LONG', message };
    this.#deps.publisher.addDeadLetter(
      rejectedSkippedRow(this.#rowPlace(row, skipped.line), reason, skipped),
    );
    this.account.rejected(row);
    this.#place = { row, line: this.#reader.line, byteOffset: this.#reader.offset };
    this.#advanceDigest();
  }

  #rowPlace(row: number, line: number): RowPlace {
    const { pipeline, clock } = this.#deps;
    const { loadId, path } = this.#file;
    return {
      pipeline: pipeline.name,
      loadId,
      path,
      row,
      line,
      attempt: 1,
      encoding: this.#reader.encoding,
      at: clock.now(),
    };
  }

  #progress(): ProgressState | null {
    if (!this.#mapper || this.#place.byteOffset === 0) return null;
    // While the prefix is hashed again the last progress still stands.
    if (this.#digest.length < (this.#resume?.byteOffset ?? 0)) return this.#resume;
    if (this.#digestAtPlace === null) this.#digest.advanceTo(this.#place.byteOffset);
    return {
      ...this.#file,
      ...this.#place,
      header: this.#header,
      headerLine: this.#headerLine,
      lineEnd: this.#reader.lineEnd,
      encoding: this.#reader.encoding,
      prefixSha256: this.#digestAtPlace ?? this.#digest.digest(),
      tallies: this.account.texts(),
      pipelineHash: this.#deps.pipeline.hash,
      edited: this.#edited,
    };
  }
}

const EDITED = 'MR-LOAD-EDITED: the pipeline was edited while it was read';
const TOO_LARGE: Reason = { code: 'MR-ROW-TOO-LONG', message: 'the row is too long for a Kafka record' };
