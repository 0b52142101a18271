import type { Place } from './model.ts';

/** One mistake (or doubt) in a pipeline file, with its place and what to write instead. */
export interface Problem extends Place {
  readonly severity: 'error' | 'warning';
  /** Stable: `MR-CONFIG-…`. */
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

/**
 * A problem as people read it: `file:line:column  error MR-CONFIG-…  message`, the line with a caret below, the
 * remedy. `text` is the file's; without it the line is left out.
 */
export function formatProblem(problem: Problem, text?: string): string {
  const head = `${problem.file}:${problem.line}:${problem.column}  ${problem.severity} ${problem.code}  ${problem.message}`;
  const line = text?.split(/\r?\n/)[problem.line - 1];
  const shown = line === undefined || line.trim() === '' ? [] : excerpt(problem, line);
  return [head, ...shown, `    ${problem.remedy}`].join('\n');
}

const WIDTH_MAX = 120;

function excerpt(problem: Problem, line: string): readonly string[] {
  const from = problem.column > WIDTH_MAX ? problem.column - WIDTH_MAX / 2 : 0;
  const gutter = `  ${problem.line} | `;
  // Tabs stay tabs in front of the caret, so that it stands where the eye looks.
  const indent = line.slice(from, problem.column - 1).replace(/[^\t]/g, ' ');
  return [`${gutter}${line.slice(from, from + WIDTH_MAX)}`, `${' '.repeat(gutter.length - 2)}| ${indent}^`];
}

/** Errors first, then by file and place. */
export function compareProblems(a: Problem, b: Problem): number {
  return (
    Number(a.severity === 'warning') - Number(b.severity === 'warning') ||
    (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) ||
    a.line - b.line ||
    a.column - b.column
  );
}
