import { LOAD_ID_LENGTH, type Mark, parseFileTime, parseMark } from './mark.ts';

/** The load of records that carry no readable mark: they can be charged to nobody (ADR 0008, case 6). */
export const UNKNOWN_LOAD = '0'.repeat(LOAD_ID_LENGTH);

const COLON = 0x3a;
/** 36^10 is below 2^53: a longer row number is left to the full parser. */
const ROW_DIGITS_MAX = 10;

/**
 * Reads the marks and file times of one partition. Neighbours mostly belong to one load: its id is compared as bytes
 * and its string reused, which is three times as fast as the pattern and makes the account's look-ups cheap.
 * Whatever is not a plain first attempt of the same load goes through `parseMark`.
 */
export class MarkReader {
  readonly #loadBytes = Buffer.alloc(LOAD_ID_LENGTH);
  #loadId = '';
  #timeBytes = Buffer.alloc(0);
  #time: number | null = null;

  /** Of header `m`; null when there is none that names a load. */
  read(header: Buffer | null | undefined): Mark | null {
    if (header === null || header === undefined) return null;
    const row = this.#sameLoad(header) ? firstAttemptRow(header) : -1;
    if (row >= 0) return { loadId: this.#loadId, row, attempt: 1, stage: '' };
    const mark = parseMark(header);
    if (mark === null || mark.loadId === UNKNOWN_LOAD) return null;
    header.copy(this.#loadBytes, 0, 0, LOAD_ID_LENGTH);
    this.#loadId = mark.loadId;
    return mark;
  }

  /** Of header `t`; null when there is none. */
  fileTime(header: Buffer | null | undefined): number | null {
    if (header === null || header === undefined) return null;
    if (!header.equals(this.#timeBytes)) {
      this.#time = parseFileTime(header);
      this.#timeBytes = Buffer.from(header);
    }
    return this.#time;
  }

  #sameLoad(header: Buffer): boolean {
    if (this.#loadId === '') return false;
    const known = this.#loadBytes;
    for (let i = LOAD_ID_LENGTH - 1; i >= 0; i -= 1) if (header[i] !== known[i]) return false;
    return header[LOAD_ID_LENGTH] === COLON;
  }
}

/** The row in base 36 behind the load id, or -1 for anything longer or else. */
function firstAttemptRow(header: Buffer): number {
  const digits = header.length - LOAD_ID_LENGTH - 1;
  if (digits < 1 || digits > ROW_DIGITS_MAX) return -1;
  let row = 0;
  for (let i = LOAD_ID_LENGTH + 1; i < header.length; i += 1) {
    const unit = header[i] ?? 0;
    if (unit >= 0x30 && unit <= 0x39) row = row * 36 + (unit - 0x30);
    else if (unit >= 0x61 && unit <= 0x7a) row = row * 36 + (unit - 0x57);
    else return -1;
  }
  return row;
}
