import type { BrowseDef } from '@millrace/config';
import picomatch from 'picomatch';

/** Decides over paths of browse names below the start. `exclude` is stronger. */
export class TagFilter {
  readonly #include: (path: string) => boolean;
  readonly #exclude: (path: string) => boolean;

  constructor({ include, exclude }: Pick<BrowseDef, 'include' | 'exclude'>) {
    this.#include = matcher(include);
    this.#exclude = matcher(exclude);
  }

  takes(path: string): boolean {
    return this.#include(path) && !this.#exclude(path);
  }

  /** A folder that is excluded is not entered. */
  enters(path: string): boolean {
    return !this.#exclude(path);
  }
}

function matcher(patterns: readonly string[]): (path: string) => boolean {
  if (patterns.length === 0) return () => false;
  return picomatch([...patterns], { dot: true });
}
