import { existsSync, readFileSync, statSync } from 'node:fs';
import {
  formatProblem,
  loadPipelineFiles,
  type Problem,
  pipelineFilesOf,
  type Variables,
} from '@millrace/config';

/** Where findings go: `Output` of a session is one. */
export interface LintIo {
  readonly json: boolean;
  line(text?: string): void;
  document(value: unknown): void;
}

/**
 * Checks pipeline files; a folder stands for the files directly in it. Exit code 0, or 2 when any has an error or
 * there is nothing to check. Warnings are shown and change nothing; a variable that is not set is one, since secrets
 * are not at hand where files are checked (a service does not start without them).
 */
export function lint(paths: readonly string[], variables: Variables, io: LintIo): 0 | 2 {
  const given = paths.length > 0 ? paths : [variables.MILLRACE_PIPELINES || 'pipelines'];
  const found = given.map(filesOf);
  const files = [...new Set(found.flatMap((one) => one.files))];
  const missing = found.flatMap((one) => one.problems);
  const loaded = loadPipelineFiles(files, variables, undefined, { unsetVariables: 'warning' });
  const problems = [...missing, ...loaded.problems];
  const errors = problems.filter((problem) => problem.severity === 'error').length;
  const warnings = problems.length - errors;
  if (io.json) io.document({ files, errors, warnings, problems });
  else {
    const texts = new Map<string, string>();
    for (const problem of problems) io.line(`${formatProblem(problem, textOf(problem.file, texts))}\n`);
    io.line(summary(files.length, errors, warnings));
  }
  return errors > 0 ? 2 : 0;
}

function filesOf(path: string): { readonly files: readonly string[]; readonly problems: readonly Problem[] } {
  if (!existsSync(path)) return { files: [], problems: [nothing(path, 'There is no such file or folder.')] };
  if (!statSync(path).isDirectory()) return { files: [path], problems: [] };
  const files = pipelineFilesOf(path);
  const problems = files.length > 0 ? [] : [nothing(path, 'The folder holds no pipeline file.')];
  return { files, problems };
}

function nothing(file: string, message: string): Problem {
  const remedy = 'Name pipeline files (*.yaml), a folder of them, or set MILLRACE_PIPELINES.';
  return { file, line: 1, column: 1, severity: 'error', code: 'MR-CONFIG-FILE', message, remedy };
}

function textOf(file: string, texts: Map<string, string>): string {
  const known = texts.get(file);
  if (known !== undefined) return known;
  const text = existsSync(file) && statSync(file).isFile() ? readFileSync(file, 'utf8') : '';
  texts.set(file, text);
  return text;
}

function summary(files: number, errors: number, warnings: number): string {
  const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
  return `${count(files, 'file')}, ${count(errors, 'error')}, ${count(warnings, 'warning')}`;
}
