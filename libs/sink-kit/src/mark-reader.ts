import {
  FILE_TIME_HEADER,
  LOAD_ID_LENGTH,
  MARK_HEADER,
  type Mark,
  parseFileTime,
  parseMark,
} from '@millrace/contracts';
import type { FetchedRecord } from '@millrace/kafka';

const COLON = 0x3a;
/** 36^10 is below 2^53: a longer row number is left to the full parser. */
const ROW_DIGITS_MAX = 10;

/**
 * Reads the marks of one partition. Neighbours mostly belong to one load: its id is compared as bytes and its
 * string reused, which is three times as fast as the pattern and makes the account's look-ups cheap.
 */
export class MarkReader {
  #loadBytes = Buffer.alloc(0);
  #loadId = '';
  #timeBytes = Buffer.alloc(0);
  #time: number | null = null;

  read(record: FetchedRecord): Mark | null {
    const header = record.header(MARK_HEADER);
    if (!header) return null;
    const row = this.#sameLoad(header) ? firstAttemptRow(header) : -1;
    if (row > 0) return { loadId: this.#loadId, row, attempt: 1, stage: '' };
    const mark = parseMark(header);
    if (mark !== null) {
      this.#loadBytes = Buffer.from(header.subarray(0, LOAD_ID_LENGTH));
      this.#loadId = mark.loadId;
    }
    return mark;
  }

  fileTime(record: FetchedRecord): number | null {
    const header = record.header(FILE_TIME_HEADER);
    if (!header) return null;
    if (!header.equals(this.#timeBytes)) {
      this.#time = parseFileTime(header);
      this.#timeBytes = Buffer.from(header);
    }
    return this.#time;
  }

  #sameLoad(header: Buffer): boolean {
    const known = this.#loadBytes;
    if (known.length === 0 || header.length < LOAD_ID_LENGTH) return false;
    for (let i = LOAD_ID_LENGTH - 1; i >= 0; i -= 1) if (header[i] !== known[i]) return false;
    return true;
  }
}

/** The row of `<load>:<row in base 36>`, or -1 for anything longer or else. */
function firstAttemptRow(header: Buffer): number {
  const { length } = header;
  const start = LOAD_ID_LENGTH + 1;
  if (header[LOAD_ID_LENGTH] !== COLON || length === start || length > start + ROW_DIGITS_MAX) return -1;
  let row = 0;
  for (let i = start; i < length; i += 1) {
    const unit = header[i] ?? 0;
    if (unit >= 0x30 && unit <= 0x39) row = row * 36 + unit - 0x30;
    else if (unit >= 0x61 && unit <= 0x7a) row = row * 36 + unit - 0x57;
    else return -1;
  }
  return row;
}
