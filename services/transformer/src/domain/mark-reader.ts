import { LOAD_ID_LENGTH, type Mark, parseMark } from '@millrace/contracts';

/** The load of records that carry no readable mark: they can be charged to nobody (ADR 0008, case 6). */
export const UNKNOWN_LOAD = '0'.repeat(LOAD_ID_LENGTH);

const COLON = 0x3a;
/** 36^10 is below 2^53. */
const ROW_DIGITS_MAX = 10;

/**
 * Reads marks without making strings of them: rows of one load follow each other, so that its id is compared, not
 * parsed. Whatever is not a plain first attempt of the same load goes through `parseMark`.
 */
export class MarkReader {
  readonly #lastId = Buffer.alloc(LOAD_ID_LENGTH);
  readonly #mark = { loadId: '', row: 0, attempt: 1, stage: '' };

  /** The mark, valid until the next call; null when there is none that names a load. */
  read(header: Buffer | null | undefined): Mark | null {
    if (header === null || header === undefined) return null;
    const row = this.#sameLoad(header) ? plainRow(header) : -1;
    if (row >= 0) {
      this.#mark.row = row;
      return this.#mark;
    }
    const mark = parseMark(header);
    if (mark === null || mark.loadId === UNKNOWN_LOAD) return null;
    if (mark.attempt > 1 || mark.stage !== '') return mark;
    header.copy(this.#lastId, 0, 0, LOAD_ID_LENGTH);
    this.#mark.loadId = mark.loadId;
    this.#mark.row = mark.row;
    return this.#mark;
  }

  #sameLoad(header: Buffer): boolean {
    if (this.#mark.loadId === '') return false;
    const last = this.#lastId;
    for (let i = LOAD_ID_LENGTH - 1; i >= 0; i -= 1) if (header[i] !== last[i]) return false;
    return header[LOAD_ID_LENGTH] === COLON;
  }
}

/** The row in base 36 behind the load id, or -1 for anything else. */
function plainRow(header: Buffer): number {
  const digits = header.length - LOAD_ID_LENGTH - 1;
  if (digits < 1 || digits > ROW_DIGITS_MAX) return -1;
  let row = 0;
  for (let i = LOAD_ID_LENGTH + 1; i < header.length; i += 1) {
    const byte = header[i] ?? 0;
    if (byte >= 0x30 && byte <= 0x39) row = row * 36 + (byte - 0x30);
    else if (byte >= 0x61 && byte <= 0x7a) row = row * 36 + (byte - 0x57);
    else return -1;
  }
  return row;
}
