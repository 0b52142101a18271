import { loadIdOf } from '@millrace/contracts';
import type { FileState, ForgottenState, IssuedState } from './state.ts';

export interface SeenFile {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
}

export interface DiscoverySettings {
  readonly source: string;
  readonly stableForMs: number;
  /** The pipeline's hash: what was hopeless under another one is tried again. */
  readonly pipelineHash: string;
  /** A task without a result for this long was deleted unread. */
  readonly retentionMs: number;
  readonly reissueDelayMs: number;
}

export const REISSUE_DELAY_MS = 60_000;
const REISSUE_DELAY_MS_MAX = 3_600_000;
const DAY_MS = 86_400_000;
const FORGET_AFTER_MS = 30 * DAY_MS;
const REFRESH_AFTER_MS = 7 * DAY_MS;

interface Known {
  issued: IssuedState | null;
  result: FileState | null;
}

/** What the scanner writes after a listing. */
export interface Findings {
  /** To be issued as tasks and written as `issued/<path>`. */
  readonly issue: readonly IssuedState[];
  /** Still listed: `issued/<path>` is written again, so that the date of its last sighting is about right. */
  readonly refresh: readonly IssuedState[];
  /** Paths whose `issued/<path>` is dropped. */
  readonly forget: readonly string[];
  readonly forgotten: ForgottenState;
}

/**
 * Decides which files are new work. Pure: fed with state entries and listings, asked for findings, told when they
 * are written.
 */
export class Discovery {
  readonly #settings: DiscoverySettings;
  readonly #known = new Map<string, Known>();
  /** `issued/<path>` does not say yet whether it was published. */
  readonly #toSettle = new Set<string>();
  #unstable = new Map<string, SeenFile & { readonly since: number }>();
  #forgotten = 0;

  constructor(settings: DiscoverySettings) {
    this.#settings = settings;
  }

  get knownFiles(): number {
    return this.#known.size;
  }

  learnIssued(path: string, issued: IssuedState | null): void {
    this.#learn(path, (known) => {
      known.issued = issued;
    });
  }

  learnResult(path: string, result: FileState | null): void {
    this.#learn(path, (known) => {
      known.result = result;
    });
  }

  learnForgotten(forgotten: ForgottenState): void {
    this.#forgotten = Math.max(this.#forgotten, forgotten.version);
  }

  /** @param complete false when a folder could not be listed: nothing is forgotten then */
  findings(listing: Iterable<SeenFile>, complete: boolean, now: number, limit: number): Findings {
    const issue: IssuedState[] = [];
    const refresh: IssuedState[] = [];
    const unstable = new Map<string, SeenFile & { readonly since: number }>();
    const seen = new Set<string>();
    for (const file of listing) {
      if (seen.has(file.path)) continue;
      seen.add(file.path);
      const known = this.#known.get(file.path);
      const next = this.#nextVersion(file, known, now);
      if (next === null) {
        const issued = known?.issued;
        const due = this.#toSettle.has(file.path) || (issued && now - issued.seenAt > REFRESH_AFTER_MS);
        if (issued && due && refresh.length < limit)
          refresh.push({ ...issued, seenAt: now, published: isPublished(known) });
        continue;
      }
      const before = this.#unstable.get(file.path);
      const same = before?.size === file.size && before.mtimeMs === file.mtimeMs;
      const since = before && same ? before.since : now;
      const stable = this.#settings.stableForMs === 0 || (same && now - since >= this.#settings.stableForMs);
      if (stable && issue.length < limit) issue.push(this.#issued(file, next, now));
      else unstable.set(file.path, { ...file, since });
    }
    this.#unstable = unstable;
    this.#settle(refresh, seen, limit);
    const forget = complete ? this.#outdated(seen, now, limit) : [];
    const versions = forget.map((path) => versionOf(this.#known.get(path)));
    return { issue, refresh, forget, forgotten: { version: Math.max(this.#forgotten, ...versions) } };
  }

  /** The findings have been committed. */
  written(findings: Findings): void {
    for (const issued of [...findings.issue, ...findings.refresh]) this.learnIssued(issued.path, issued);
    for (const path of findings.forget)
      this.#learn(path, (known) => Object.assign(known, { issued: null, result: null }));
    this.learnForgotten(findings.forgotten);
  }

  #learn(path: string, change: (known: Known) => void): void {
    const known = this.#known.get(path) ?? { issued: null, result: null };
    change(known);
    if (known.issued === null && known.result === null) this.#known.delete(path);
    else this.#known.set(path, known);
    const noted = known.issued?.published ?? false;
    if (known.issued && noted !== isPublished(known)) this.#toSettle.add(path);
    else this.#toSettle.delete(path);
  }

  /** What is published and was not listed this time, such as a file that was moved meanwhile. */
  #settle(refresh: IssuedState[], seen: ReadonlySet<string>, limit: number): void {
    for (const path of this.#toSettle) {
      if (refresh.length >= limit) return;
      const known = this.#known.get(path);
      if (known?.issued && !seen.has(path)) refresh.push({ ...known.issued, published: isPublished(known) });
    }
  }

  /** The version to issue and how often it was tried before, or null when there is nothing to do. */
  #nextVersion(
    file: SeenFile,
    known: Known | undefined,
    now: number,
  ): { readonly version: number; readonly retries: number } | null {
    const last = known && latest(known);
    if (!last) return { version: this.#forgotten + 1, retries: 0 };
    const version = versionOf(known) + 1;
    if (last.size !== file.size || last.mtimeMs !== file.mtimeMs) return { version, retries: 0 };
    const result = known.result?.version === last.version ? known.result : null;
    if (result?.state === 'archived') return { version, retries: 0 };
    if (result?.state === 'abandoned') {
      const retries = known.issued?.retries ?? 0;
      if (result.hopelessUnder !== null)
        return result.hopelessUnder === this.#settings.pipelineHash ? null : { version, retries: 0 };
      const delay = Math.min(
        REISSUE_DELAY_MS_MAX,
        this.#settings.reissueDelayMs * 2 ** Math.min(retries, 20),
      );
      return now - result.at >= delay ? { version, retries: retries + 1 } : null;
    }
    if (result !== null || known.issued === null || isPublished(known)) return null;
    return now - known.issued.at > this.#settings.retentionMs ? { version, retries: 0 } : null;
  }

  #issued(
    file: SeenFile,
    { version, retries }: { readonly version: number; readonly retries: number },
    now: number,
  ): IssuedState {
    const { path, size, mtimeMs } = file;
    const loadId = loadIdOf({ source: this.#settings.source, path, size, mtimeMs, version });
    return { path, size, mtimeMs, version, loadId, at: now, seenAt: now, retries };
  }

  #outdated(seen: ReadonlySet<string>, now: number, limit: number): string[] {
    const outdated: string[] = [];
    for (const [path, { issued }] of this.#known) {
      if (outdated.length >= limit) break;
      if (issued && !seen.has(path) && now - issued.seenAt > FORGET_AFTER_MS) outdated.push(path);
    }
    return outdated;
  }
}

/** Whether the version issued last was published, however long ago. */
function isPublished({ issued, result }: Known): boolean {
  if (!issued) return false;
  return result?.version === issued.version ? result.state === 'published' : issued.published === true;
}

/** The later of what was issued and what ended: an archived path can have a result without having been issued. */
function latest({ issued, result }: Known): (SeenFile & { readonly version: number }) | null {
  if (issued && result) return result.version > issued.version ? result : issued;
  return issued ?? result;
}

function versionOf(known: Known | undefined): number {
  return Math.max(known?.issued?.version ?? 0, known?.result?.version ?? 0);
}

/** How long a partition keeps the result of a file: longer than the scanner remembers having issued it. */
export const RESULT_KEPT_MS = FORGET_AFTER_MS + 15 * DAY_MS;
