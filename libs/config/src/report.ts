import type { Place } from './model.ts';
import type { Problem } from './problem.ts';
import type { Path, YamlFile } from './source-text/yaml-file.ts';

/** Collects what is wrong with one file, by the path of the value. */
export class Report {
  readonly file: YamlFile;
  readonly #problems: Problem[];
  readonly #ignored = new Set<string>();

  constructor(file: YamlFile, problems: Problem[]) {
    this.file = file;
    this.#problems = problems;
  }

  get failed(): boolean {
    return this.#problems.some((problem) => problem.severity === 'error');
  }

  /** What is wrong here has been said; further problems with this value would say nothing new. */
  ignore(path: Path): void {
    this.#ignored.add(JSON.stringify(path));
  }

  /** About the value at this path. */
  error(path: Path, code: string, message: string, remedy: string): void {
    if (this.#ignored.has(JSON.stringify(path))) return;
    this.at(this.file.valuePlace(path), 'error', code, message, remedy);
  }

  /** About the key at this path. */
  keyError(path: Path, code: string, message: string, remedy: string): void {
    this.at(this.file.keyPlace(path), 'error', code, message, remedy);
  }

  warn(path: Path, code: string, message: string, remedy: string): void {
    if (this.#ignored.has(JSON.stringify(path))) return;
    this.at(this.file.valuePlace(path), 'warning', code, message, remedy);
  }

  at(place: Place, severity: Problem['severity'], code: string, message: string, remedy: string): void {
    this.#problems.push({ ...place, severity, code, message, remedy });
  }
}
