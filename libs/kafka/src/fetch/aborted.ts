import { type BatchHeader, isAbortMarker } from '../protocol/batch-decoder.ts';

/** A transaction that was aborted, as a fetch answer lists it. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

/**
 * Tells which batches of one fetch answer belong to aborted transactions. Transactions of several producers overlap
 * and the list is in no useful order, so the rule is per producer: from the transaction's first offset to that
 * producer's next abort marker. (Source: CompletedFetch in Kafka's Java consumer.)
 */
export class AbortedFilter {
  readonly #pending: AbortedTransaction[];
  readonly #aborting = new Set<bigint>();
  #next = 0;

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#pending = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** To be asked once for each batch, in offset order. */
  isAborted(set: Buffer, header: BatchHeader): boolean {
    for (let next = this.#pending[this.#next]; next && next.firstOffset <= header.lastOffset; ) {
      this.#aborting.add(next.producerId);
      this.#next += 1;
      next = this.#pending[this.#next];
    }
    if (header.isControl) {
      if (isAbortMarker(set, header)) this.#aborting.delete(header.producerId);
      return false;
    }
    return header.isTransactional && this.#aborting.has(header.producerId);
  }
}
