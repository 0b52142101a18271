import type { ErrorKind } from '@millrace/core';

/** All that a sink has to say. */
export type SinkEvent =
  | {
      readonly type: 'claimed';
      readonly partition: number;
      readonly next: number;
      readonly startOffset: number;
      /** Loads whose counts a crash had kept from the ledger. */
      readonly republished: number;
      readonly ms: number;
    }
  | {
      readonly type: 'applied';
      readonly partition: number;
      readonly rows: number;
      readonly rejected: number;
      readonly counting: string;
      /** Records behind `next` in this partition. */
      readonly lag: number;
      readonly seconds: number;
      /** Part of it in the target's transaction. */
      readonly applySeconds: number;
    }
  | {
      readonly type: 'rejected';
      readonly partition: number;
      readonly rows: number;
      readonly firstOffset: number;
      readonly reasons: Readonly<Record<string, number>>;
    }
  | { readonly type: 'gap'; readonly partition: number; readonly from: number; readonly to: number }
  /** Once when the sink gets into trouble, not at each try. */
  | {
      readonly type: 'trouble';
      readonly kind: ErrorKind;
      readonly code: string;
      readonly message: string;
      readonly remedy: string;
      readonly partition: number;
    }
  /** Once when all partitions that were in trouble work again. */
  | { readonly type: 'recovered'; readonly code: string; readonly seconds: number };
