import { type FieldDef, MillraceError, type RecordValue } from '@millrace/core';
import { accountRun } from '../src/account.ts';
import type { Advance, Counting, LoadCounts, SinkRow, SinkSession, SinkTarget } from '../src/port.ts';
import type { CuttingProxy } from './cutting-proxy.ts';

/** The records that the suite writes. `note` may hold 20 characters in the target. */
export const CONTRACT_FIELDS: readonly FieldDef[] = [
  { name: 'tag', type: { kind: 'string' }, optional: false },
  { name: 'rev', type: { kind: 'int32' }, optional: true },
  { name: 'note', type: { kind: 'string' }, optional: true },
  { name: 'code', type: { kind: 'int32' }, optional: true },
];
export const NOTE_LENGTH = 20;

/** What an adapter brings: a fresh, empty table for each call. Merge by `tag`, version `rev`. */
export interface ContractTable {
  target(address?: { readonly host: string; readonly port: number }): SinkTarget;
  /** All rows, by tag: `[tag, rev, note, loadId, row]`. */
  rows(): Promise<readonly (readonly unknown[])[]>;
  rewind(topic: string, to: number): Promise<void>;
  gaps(): Promise<number>;
}

export interface ContractHarness {
  readonly address: { readonly host: string; readonly port: number };
  /** `uniqueCode`: with a unique index on `code`, beside the key. */
  table(mode: 'merge' | 'append', options: { readonly uniqueCode: boolean }): Promise<ContractTable>;
  close(): Promise<void>;
}

export const TOPIC = 'plant.clean';
export const LOAD = '0123456789abcdef';
export const OTHER = '0123456789abcdeg';
const never = new AbortController().signal;

export function claimOf(
  table: ContractTable,
  over: { clusterId?: string; layoutHash?: string } = {},
  via?: CuttingProxy,
) {
  const request = {
    topic: TOPIC,
    partition: 3,
    owner: 'test',
    clusterId: 'c1',
    layoutHash: 'l1',
    logStart: 100,
  };
  return table.target(via).claim({ ...request, ...over }, never);
}

export interface Made extends RecordValue {
  tag: string;
  rev: number | null;
  note: string | null;
  code: number | null;
}

export function rowsOf(
  values: readonly Partial<Made>[],
  loadId = LOAD,
  fileTime: number | null = 1_000,
): SinkRow[] {
  return values.map((value, ord) => ({
    ord,
    offset: 100 + ord,
    loadId,
    row: ord + 1,
    fileTime,
    value: { tag: `t${ord}`, rev: 1, note: null, code: null, ...value },
  }));
}

/** Stages and applies, as the engine does. */
export async function write(
  session: SinkSession,
  rows: readonly SinkRow[],
  over: Partial<Advance> & { from: number; to: number; counting?: Counting },
): Promise<readonly LoadCounts[]> {
  await session.stage(rows);
  const counting = over.counting ?? 'normal';
  return session.apply({ counting, loads: accountRun(counting, rows, []), ledgerThrough: 0, ...over });
}

export function outcomes(counts: readonly LoadCounts[]) {
  return counts.map(({ loadId, inserted, updated, unchanged, superseded }) => ({
    loadId,
    inserted,
    updated,
    unchanged,
    superseded,
  }));
}

export async function failure(work: Promise<unknown>): Promise<MillraceError> {
  const error = await work.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof MillraceError) return error;
  throw error;
}

/** What each part of the suite gets. */
export interface Context {
  table(mode?: 'merge' | 'append', options?: { readonly uniqueCode: boolean }): Promise<ContractTable>;
  proxy(): Promise<CuttingProxy>;
}
