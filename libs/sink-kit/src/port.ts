import type { Reason, RecordValue, Tally } from '@millrace/core';

/** One record on its way into the target. */
export interface SinkRow {
  /** Position in its batch, ascending with the offset. */
  readonly ord: number;
  readonly offset: number;
  readonly loadId: string;
  /** Ordinal in the load, from 1. */
  readonly row: number;
  /** mtime of the source file, milliseconds since the epoch; null when the record does not say. */
  readonly fileTime: number | null;
  readonly value: RecordValue;
}

/** A row that the target refused, found by a probe. */
export interface BadRow {
  readonly ord: number;
  readonly reason: Reason;
}

/** What the target remembers about a partition. */
export interface Position {
  /** Next offset to apply. */
  readonly next: number;
  /** Rows below this offset have been counted. At or above `next`, unless it was rewound. */
  readonly countedThrough: number;
  /** First offset that this sink ever owed. */
  readonly startOffset: number;
  /** Counts of runs that end at or below this offset are in the ledger. */
  readonly ledgerThrough: number;
}

/** How the rows of a run enter the account of their loads, see ADR 0009. */
export type Counting = 'normal' | 'resolved' | 'uncounted';

/** What a run adds to one load. */
export interface LoadDelta {
  readonly loadId: string;
  readonly applied: Readonly<Tally>;
  readonly rejected: Readonly<Tally>;
  readonly resolved: Readonly<Tally>;
}

/** The account of one load in one partition, as the target holds it. */
export interface LoadCounts extends LoadDelta {
  /** Offset at which these counts began. */
  readonly part: number;
  readonly inserted: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly superseded: number;
  /** End of the last run that changed them. */
  readonly throughOffset: number;
}

export interface Advance {
  /** `next` as it must be now. */
  readonly from: number;
  /** `next` as it will be. */
  readonly to: number;
  readonly counting: Counting;
  /** Empty when `counting` is `uncounted`. */
  readonly loads: readonly LoadDelta[];
  readonly ledgerThrough: number;
}

export interface ClaimRequest {
  readonly topic: string;
  readonly partition: number;
  /** Name of the claiming process, for people. */
  readonly owner: string;
  readonly clusterId: string;
  /** Of the sink's identity, key and version: what must not change while it keeps its position. */
  readonly layoutHash: string;
  /** Where a sink that was never here begins. */
  readonly logStart: number;
}

/**
 * A database (or whatever else) that can hold rows and, in the same transaction, the position they came from.
 * Everything it throws is a `MillraceError`; its kind decides what happens (`policyFor`).
 */
export interface SinkTarget {
  /**
   * Takes the partition over, after creating what is missing in the target and comparing what is there: idempotent,
   * and safe with any number of processes at once. A difference that it may not mend is `systemic`, its remedy the
   * statements that do. When it returns, every earlier session of this partition is fenced: none of its
   * requests, not even one that is on its way, can change anything any more, and how its last one ended is
   * decided and shown by the position. A stopped or dead owner delays it by seconds at most.
   * Another `clusterId` or `layoutHash` than the recorded one: `halt`, and the present owner is left alone.
   */
  claim(request: ClaimRequest, signal: AbortSignal): Promise<SinkSession>;
}

/** One partition's session, used by one caller, one call at a time. After any error but `data` it is spent. */
export interface SinkSession {
  /** As claimed. */
  readonly position: Position;

  /** Accounts that the ledger may lack: all with `throughOffset` above `ledgerThrough`. */
  unpublished(): Promise<readonly LoadCounts[]>;

  /** Why the target can never hold this row, or null. Pure and quick; what it lets through never fails `stage`. */
  check(value: RecordValue): Reason | null;

  /** Replaces what is staged by these rows. Outside of any transaction; takes no lock that others can meet. */
  stage(rows: readonly SinkRow[]): Promise<void>;

  /**
   * Applies what is staged, counts it, and moves the position: all or nothing, in one transaction that the target
   * finishes without us, so that being stopped or cut off in the middle holds nobody up.
   * Returns the accounts of the loads in `advance.loads` as they now are.
   * `fenced`: somebody claimed the partition, or `from` is not the position. `data`: some row cannot be held; the
   * session stays usable and nothing has changed. A lost connection is `transient`: a new claim tells the outcome.
   */
  apply(advance: Advance): Promise<readonly LoadCounts[]>;

  /**
   * Proves that the partition is still ours and `next` still its position; `fenced` when it was claimed or rewound.
   * For a partition that has nothing to do: cheap, and with a deadline of seconds, so that a silent target is noticed.
   */
  confirm(next: number): Promise<void>;

  /** Moves the position without rows. */
  skip(advance: Pick<Advance, 'from' | 'to' | 'ledgerThrough'>): Promise<void>;

  /**
   * Finds the staged rows that the target refuses, in order, at most `limit` + 1 of them. Changes nothing, and like
   * `apply` is finished by the target alone.
   */
  probe(limit: number): Promise<readonly BadRow[]>;

  /** Records that offsets `from` to before `to` were deleted before they could be read. Idempotent. */
  recordGap(from: number, to: number): Promise<void>;

  /** Ends the session. Never throws. */
  release(): Promise<void>;
}
