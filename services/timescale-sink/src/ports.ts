import type { AggregateDef } from '@millrace/config';
import type { Server } from './domain/server.ts';

export interface Refreshed {
  /** Buckets that were touched. */
  readonly buckets: number;
  /** Those of them that lie before what was dropped: they keep their value. */
  readonly late: number;
  /** Touched buckets are left. */
  readonly more: boolean;
}

export interface Dropped {
  readonly chunks: number;
  /** Beside those of the chunks. */
  readonly rows: number;
  /** As the database writes it. */
  readonly before: string;
  /** Another step may have something to do. */
  readonly more: boolean;
}

/**
 * A session that looks after a series. Each call is one step that the server finishes without us and that may be
 * repeated; they are made one at a time. After an error the session is spent.
 */
export interface UpkeepSession {
  readonly server: Server;
  /** Becomes the one session that looks after the series, for as long as it lasts; false while another is. */
  lead(): Promise<boolean>;
  /** Makes aggregates and policies that are missing and compares those that are there. Idempotent. */
  prepare(): Promise<void>;
  /** Computes touched buckets again. Only where the server does not do it. */
  refresh(aggregate: AggregateDef): Promise<Refreshed>;
  /** Drops rows beyond retention, at most some 10,000 beside whole chunks, none that an aggregate has not seen. */
  trim(): Promise<Dropped>;
  /** Drops buckets beyond the aggregate's retention. */
  trimAggregate(aggregate: AggregateDef, ageMs: number): Promise<Dropped>;
  /** Shows the server that we are there; rejects when the session has ended. */
  keepAlive(): Promise<void>;
  /** Ends the session, and what it is doing. Never throws. */
  close(): Promise<void>;
}
