import { beforeEach, describe, expect, test } from 'vitest';
import { Discovery, type Findings, type SeenFile } from './discovery.ts';
import type { FileState, IssuedState } from './state.ts';

const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);
const file: SeenFile = { path: '/in/a.csv', size: 10, mtimeMs: START - DAY };

let discovery: Discovery;
const make = (stableForMs = 0, pipelineHash = 'hash'): Discovery =>
  new Discovery({ source: 's', stableForMs, pipelineHash, retentionMs: 14 * DAY, reissueDelayMs: 60_000 });

beforeEach(() => {
  discovery = make();
});

/** One listing, written. */
function scan(files: readonly SeenFile[], at: number, complete = true): Findings {
  const findings = discovery.findings(files, complete, at, 1_000);
  discovery.written(findings);
  return findings;
}

function ended(issued: IssuedState | undefined, changes: Partial<FileState>): void {
  if (!issued) throw new Error('nothing was issued');
  const { path, size, mtimeMs, version, loadId } = issued;
  const base = { path, size, mtimeMs, version, loadId, at: START, sha256: null, reason: null };
  const state: FileState = { ...base, state: 'published', hopelessUnder: null, archiveTo: null, ...changes };
  discovery.learnResult(path, state);
}

describe('a file', () => {
  test('is taken when it did not change for long enough between listings', () => {
    discovery = make(1_000);
    expect(scan([file], START).issue).toEqual([]);
    expect(scan([{ ...file, size: 11 }], START + 900).issue).toEqual([]);
    expect(scan([{ ...file, size: 11 }], START + 1_800).issue).toEqual([]);
    expect(scan([{ ...file, size: 11 }], START + 1_900).issue).toMatchObject([{ size: 11, version: 1 }]);
  });

  test('that was issued is not issued again, changed it is the next version', () => {
    const [first] = scan([file], START).issue;
    expect(scan([file], START + 1).issue).toEqual([]);
    ended(first, { state: 'published' });
    expect(scan([file], START + 2).issue).toEqual([]);
    expect(scan([{ ...file, mtimeMs: START }], START + 3).issue).toMatchObject([{ version: 2 }]);
  });

  test('seen again after it was archived is delivered again', () => {
    const [first] = scan([file], START).issue;
    ended(first, { state: 'archived' });
    const [second] = scan([file], START + 1).issue;
    expect(second).toMatchObject({ version: 2 });
    expect(second?.loadId).not.toBe(first?.loadId);
  });

  test('that was abandoned is tried again later and later', () => {
    const [first] = scan([file], START).issue;
    ended(first, { state: 'abandoned' });
    expect(scan([file], START + 59_000).issue).toEqual([]);
    const [second] = scan([file], START + 60_000).issue;
    expect(second).toMatchObject({ version: 2, retries: 1 });
    ended(second, { state: 'abandoned', at: START + 60_000 });
    expect(scan([file], START + 60_000 + 119_000).issue).toEqual([]);
    expect(scan([file], START + 60_000 + 120_000).issue).toMatchObject([{ version: 3, retries: 2 }]);
  });

  test('that no retry can mend waits for an edit of the pipeline or of itself', () => {
    const [first] = scan([file], START).issue;
    ended(first, { state: 'abandoned', hopelessUnder: 'hash' });
    expect(scan([file], START + DAY).issue).toEqual([]);
    const edited = make(0, 'another');
    if (first) edited.learnIssued(first.path, first);
    discovery = edited;
    ended(first, { state: 'abandoned', hopelessUnder: 'hash' });
    expect(scan([file], START + DAY).issue).toMatchObject([{ version: 2 }]);
  });

  test('whose task was deleted unread is issued again after the retention time', () => {
    scan([file], START);
    expect(scan([file], START + 14 * DAY).issue).toEqual([]);
    expect(scan([file], START + 14 * DAY + 1).issue).toMatchObject([{ version: 2 }]);
  });
});

describe('a published file that stays in its folder', () => {
  test('is not taken again when its result has been dropped, nor after a restart', () => {
    const [first] = scan([file], START).issue;
    ended(first, { state: 'published' });
    const written = new Map<string, IssuedState>();
    for (let day = 1; day <= 46; day += 1)
      for (const issued of scan([file], START + day * DAY).refresh) written.set(issued.path, issued);
    discovery.learnResult(file.path, null);
    expect(scan([file], START + 47 * DAY).issue).toEqual([]);
    discovery = make();
    for (const [path, issued] of written) discovery.learnIssued(path, issued);
    expect(scan([file], START + 48 * DAY).issue).toEqual([]);
    expect(scan([{ ...file, size: 11 }], START + 49 * DAY).issue).toMatchObject([{ version: 2 }]);
  });

  test('is noted as published at once, and once', () => {
    const [first] = scan([file], START).issue;
    ended(first, { state: 'published' });
    expect(scan([file], START + 1).refresh).toMatchObject([{ version: 1, published: true }]);
    expect(scan([file], START + 2).refresh).toEqual([]);
  });
});

describe('forgetting', () => {
  test('happens 30 days after the last sighting, and a load id never returns', () => {
    const [first] = scan([file], START).issue;
    ended(first, { state: 'archived' });
    expect(scan([], START + 29 * DAY).forget).toEqual([]);
    const gone = scan([], START + 31 * DAY);
    expect(gone).toMatchObject({ forget: ['/in/a.csv'], forgotten: { version: 1 } });
    expect(discovery.knownFiles).toBe(0);
    const [again] = scan([file], START + 32 * DAY).issue;
    expect(again).toMatchObject({ version: 2 });
    expect(again?.loadId).not.toBe(first?.loadId);
  });

  test('does not happen to what is listed, nor when a folder could not be', () => {
    scan([file], START);
    expect(scan([file], START + 8 * DAY).refresh).toMatchObject([{ seenAt: START + 8 * DAY }]);
    expect(scan([], START + 37 * DAY).forget).toEqual([]);
    expect(scan([], START + 60 * DAY, false).forget).toEqual([]);
    expect(scan([], START + 60 * DAY).forget).toEqual(['/in/a.csv']);
  });
});

test('no more is issued at once than fits a transaction', () => {
  const many = Array.from({ length: 5 }, (_, i) => ({ ...file, path: `/in/${i}.csv` }));
  const first = discovery.findings(many, true, START, 2);
  expect(first.issue).toHaveLength(2);
  discovery.written(first);
  expect(discovery.findings(many, true, START, 9).issue).toHaveLength(3);
});
