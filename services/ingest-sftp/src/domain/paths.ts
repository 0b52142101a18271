import { posix } from 'node:path';
import type { FilePattern, FileSource } from '@millrace/config';
import picomatch from 'picomatch';

/** Deepest folder below a pattern's literal one. */
const DEPTH_MAX = 10;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const UNSAFE = /[\x00\r\n\ufffd]/;

/** Whether a name that a server gave can be put into a path without surprises. U+FFFD: its bytes are not UTF-8. */
export function isSafeName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/') && !UNSAFE.test(name);
}

/** Finds the pattern of a path, first match wins; also for what lies in the archive under its old name. */
export class PatternMatcher {
  readonly #patterns: readonly {
    readonly pattern: FilePattern;
    readonly matches: (path: string) => boolean;
    readonly matchesName: (name: string) => boolean;
  }[];
  readonly #archive: string | null;

  constructor(source: Pick<FileSource, 'files' | 'archive'>) {
    this.#patterns = source.files.map((pattern) => ({
      pattern,
      matches: picomatch(pattern.match, { dot: false }),
      matchesName: picomatch(posix.basename(pattern.match), { dot: false }),
    }));
    this.#archive = source.archive;
  }

  match(path: string): FilePattern | null {
    return this.#patterns.find(({ matches }) => matches(path))?.pattern ?? null;
  }

  /** The pattern under which a task's file is read. */
  patternOfTask(path: string): FilePattern | null {
    const direct = this.match(path);
    if (direct || this.#archive === null || posix.dirname(path) !== this.#archive) return direct;
    const name = posix.basename(path);
    for (const candidate of new Set([originalName(name), name])) {
      for (const { pattern, matches } of this.#patterns)
        if (matches(posix.join(pattern.folder, candidate))) return pattern;
      // The folders between are not known any more: the name has to do.
      for (const { pattern, matchesName } of this.#patterns) if (matchesName(candidate)) return pattern;
    }
    return null;
  }

  inArchive(path: string): boolean {
    return this.#archive !== null && posix.dirname(path) === this.#archive;
  }

  /** Folders where listing starts, none inside another that is listed with its subfolders. */
  folders(): readonly { readonly folder: string; readonly depth: number }[] {
    const depths = new Map<string, number>();
    for (const { pattern } of this.#patterns) {
      const rest = pattern.match.slice(pattern.folder.length).replace(/^\/+/, '');
      const depth = rest.includes('**') ? DEPTH_MAX : rest.split('/').length - 1;
      depths.set(pattern.folder, Math.max(depths.get(pattern.folder) ?? 0, depth));
    }
    return [...depths].map(([folder, depth]) => ({ folder, depth }));
  }
}

/** Names that an archived file may take, best first. */
export function archiveTargets(
  archive: string,
  file: { readonly path: string; readonly version: number; readonly loadId: string },
): readonly string[] {
  const target = posix.join(archive, posix.basename(file.path));
  return [target, `${target}.v${file.version}`, `${target}.v${file.version}.${file.loadId}`];
}

function originalName(name: string): string {
  return name.replace(/\.v\d+(?:\.[0-9a-z]{16})?$/, '');
}
