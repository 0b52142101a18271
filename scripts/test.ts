// npm test: types, lint, then every vitest project; ends with the line "N passed, N failed, N skipped".
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { startVitest, type TestCase } from 'vitest/node';

const ROOT = join(import.meta.dirname, '..');
const PROJECTS = ['unit', 'architecture', 'contract', 'pipeline'];

interface Outcome {
  passed: number;
  /** Names, to be repeated where they are seen: at the end. */
  readonly failed: string[];
  readonly skipped: string[];
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Runs a command of the project's own with its output passed on; it counts as one test. */
async function step(name: string, command: string, args: readonly string[], outcome: Outcome): Promise<void> {
  say(`test: ${name}`);
  const code = await new Promise<number>((resolve) => {
    const child = spawn(join(ROOT, 'node_modules', '.bin', command), args, {
      cwd: ROOT,
      stdio: 'inherit',
      shell: process.platform === 'win32',
    });
    child.once('error', () => resolve(127));
    child.once('close', (exit) => resolve(exit ?? 1));
  });
  if (code === 0) outcome.passed += 1;
  else outcome.failed.push(`${name} (${command} ended with ${code})`);
}

function nameOf(test: TestCase): string {
  return `${test.project.name}: ${test.module.relativeModuleId} > ${test.fullName}`;
}

/** Counts the tests of one project, and as a failure each what kept tests from being counted. */
async function project(name: string, outcome: Outcome): Promise<void> {
  say(`test: ${name}`);
  const vitest = await startVitest('test', [], { root: ROOT, project: [name], watch: false, run: true });
  const modules = vitest.state.getTestModules();
  // A glob that matches nothing would otherwise look like success.
  if (modules.length === 0) outcome.failed.push(`${name}: no test file was found`);
  for (const module of modules) {
    if (module.errors().length > 0)
      outcome.failed.push(`${name}: ${module.relativeModuleId} could not be run`);
    for (const suite of module.children.allSuites()) {
      if (suite.errors().length > 0)
        outcome.failed.push(`${name}: ${module.relativeModuleId} > ${suite.fullName}`);
    }
    for (const test of module.children.allTests()) {
      const result = test.result();
      if (result.state === 'passed') outcome.passed += 1;
      else if (result.state === 'skipped')
        outcome.skipped.push(`${nameOf(test)}: ${result.note ?? 'no reason given'}`);
      else outcome.failed.push(nameOf(test));
    }
  }
  const strays = vitest.state.getUnhandledErrors().length;
  if (strays > 0) outcome.failed.push(`${name}: ${strays} unhandled errors`);
  await vitest.close();
}

const outcome: Outcome = { passed: 0, failed: [], skipped: [] };
await step('types', 'tsc', ['-b'], outcome);
await step('lint', 'biome', ['check', '.'], outcome);
for (const name of PROJECTS) {
  await project(name, outcome).catch((error: unknown) => {
    outcome.failed.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  });
}

say('');
for (const name of outcome.skipped) say(`skipped  ${name}`);
for (const name of outcome.failed) say(`failed   ${name}`);
const { passed, failed, skipped } = outcome;
process.stdout.write(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped\n`, () => {
  process.exit(failed.length === 0 ? 0 : 1);
});
