import { MillraceError, type Reason } from '@millrace/core';

const WINDOW_ROWS = 10_000;

export interface ToleranceOptions {
  /** Bad rows in the window, whatever its length. Default 50. */
  readonly badRowsMax?: number;
}

interface Slice {
  rows: number;
  bad: number;
}

/**
 * Tells a few bad rows from a bad world. Over the last 10,000 rows of a sink no more than min(50, 5 %) may be bad,
 * and five in any case: one bad row of three is a reject, a narrow column is a pause however small the batches are.
 */
export class Tolerance {
  readonly #badRowsMax: number;
  readonly #window: Slice[] = [];
  #rows = 0;
  #bad = 0;

  constructor({ badRowsMax = 50 }: ToleranceOptions = {}) {
    this.#badRowsMax = badRowsMax;
  }

  /** How many rows of a batch of this size may be bad. */
  left(rows: number): number {
    const share = Math.floor((this.#rows + rows) * 0.05);
    return Math.max(0, Math.min(this.#badRowsMax, Math.max(5, share)) - this.#bad);
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
        'Nothing of this batch was set aside. Mend the table (or the pipeline and raise its generation); the sink tries again by itself. If the rows really are that bad, raise MILLRACE_SINK_BAD_ROWS_MAX.',
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
