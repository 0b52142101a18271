import { MillraceError, type Reason } from '@millrace/core';

const WINDOW_ROWS = 10_000;

/** In any window, however short: one bad row of three is a reject. */
const ALWAYS_ROWS = 5;

export interface ToleranceOptions {
  /** Bad rows in the window, whatever its length. */
  readonly max: number;
  /** Share of the window that may be bad. */
  readonly percent: number;
}

interface Slice {
  rows: number;
  bad: number;
}

/**
 * Tells a few bad rows from a bad world. Over the last 10,000 rows of a sink no more than min(max, percent) may be
 * bad, and five in any case: one bad row of three is a reject, a narrow column is a pause however small the batches are.
 */
export class Tolerance {
  readonly #max: number;
  readonly #share: number;
  readonly #window: Slice[] = [];
  #rows = 0;
  #bad = 0;

  constructor({ max, percent }: ToleranceOptions) {
    this.#max = max;
    this.#share = percent / 100;
  }

  /** How many rows of a batch of this size may be bad. */
  left(rows: number): number {
    const share = Math.floor((this.#rows + rows) * this.#share);
    return Math.max(0, Math.min(this.#max, Math.max(ALWAYS_ROWS, share)) - this.#bad);
  }

  /** @throws MillraceError `systemic` when so many are not the fault of the rows */
  check(rows: number, reasons: readonly Reason[]): void {
    if (reasons.length <= this.left(rows)) return;
    const first = reasons[0];
    throw new MillraceError({
      kind: 'systemic',
      code: 'MR-SINK-TOO-MANY-REJECTS',
      message: `${reasons.length} of ${rows} rows cannot be written, beside ${this.#bad} of the ${this.#rows} before: ${first?.message ?? ''} (${first?.code ?? ''})`,
      remedy:
        'Nothing of this batch was set aside. Mend the table (or the pipeline and raise its generation); the sink tries again by itself. If the rows really are that bad, raise badRows of the sink (max, percent).',
    });
  }

  /** A batch is done: it counts from here on. */
  add(rows: number, bad: number): void {
    this.#window.push({ rows, bad });
    this.#rows += rows;
    this.#bad += bad;
    for (
      let first = this.#window[0];
      first && this.#rows - first.rows >= WINDOW_ROWS;
      first = this.#window[0]
    ) {
      this.#window.shift();
      this.#rows -= first.rows;
      this.#bad -= first.bad;
    }
  }
}
