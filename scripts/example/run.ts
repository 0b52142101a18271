import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { styleFor } from '@millrace/cli';
import type { LoadAccount } from '@millrace/contracts';
import { MillraceError, systemClock } from '@millrace/core';
import { writeEnvFile } from './env-file.ts';
import { keepLooking } from './lookout.ts';
import type { ExamplePlan, Seen } from './plan.ts';
import { createProgress, type Progress, progressText } from './progress.ts';
import { isWell, nextLines, type Outcome, outcomeJson, reportLines, tablesOf } from './report.ts';
import { type Services, startServices } from './services.ts';
import { openTarget, type Target } from './target.ts';
import { openWorld, type World } from './world.ts';

export interface RunOptions {
  /** The project's folder. */
  readonly root: string;
  /** Where stack, logs and environment go; emptied first. */
  readonly dir: string;
  /** Stop everything when the loads are through. */
  readonly once: boolean;
  readonly json: boolean;
  /** Aborts when the user wants to stop. */
  readonly signal: AbortSignal;
}

const TURN_MS = 400;
/** Nothing changed for so long though loads are open: something is stuck. */
const STUCK_AFTER_MS = 90_000;
const LOG_LINES_SHOWN = 8;

/**
 * Plays an example: stack up, files delivered, services started, watched until every load reconciles, reported.
 * Everything is stopped again, however it ends.
 * @returns exit code: 0 when every load balances and the tables are as they must be
 */
export async function runExample(plan: ExamplePlan, options: RunOptions): Promise<number> {
  const { root, dir, signal } = options;
  const progress = createProgress(process.stderr, () => performance.now());
  const began = performance.now();
  const world = await openWorld(dir, plan.pipelines, plan.parts, 'demo', (line) => progress.line(line));
  let services: Services | undefined;
  let target: Target | undefined;
  try {
    const envFile = join(dir, 'env');
    await writeEnvFile(envFile, world.env);
    const place = world.served ?? dir;
    await plan.begin({ root: place, env: world.env, pipelines: world.pipelines });
    const logs = join(dir, 'logs');
    services = await startServices(root, plan.services, world.env, logs, (line) => progress.line(line));
    const pids = services.running.map(({ name, process: { identity } }) => `${name} (pid ${identity.pid})`);
    progress.line(`services: ${pids.join(', ')}; their logs are in ${relative(process.cwd(), logs)}`);
    const loads = await watch(plan, world, place, services, progress, signal);
    target = await openTarget(world.env.DATABASE_URL ?? '');
    const seconds = (performance.now() - began) / 1_000;
    const outcome = await outcomeOf(plan, world, { loads, root: place }, target, seconds, signal);
    await show(outcome, world, target, relative(process.cwd(), envFile), options);
    if (!options.once) {
      await plan.resume?.(services);
      await keepLooking(world, loads, progress, signal);
    }
    return isWell(outcome) ? 0 : 1;
  } catch (error) {
    // Being asked to stop is no failure of the example, but it is not done either.
    if (signal.aborted) return 130;
    await tellLogs(services?.running ?? [], progress);
    throw error;
  } finally {
    progress.line('stopping');
    await target?.close();
    await services?.stop();
    await world.close();
  }
}

/** Until every delivery is a load and none of them is open. Judged by the ledger alone. */
async function watch(
  plan: ExamplePlan,
  world: World,
  root: string,
  services: Services,
  progress: Progress,
  signal: AbortSignal,
): Promise<LoadAccount[]> {
  const began = performance.now();
  let lastChange = began;
  let lastAccount = '';
  for (;;) {
    const loads = await world.loads(signal);
    const seen: Seen = { loads, root };
    await plan.turn(seen, services);
    const awaits = plan.awaits?.() ?? null;
    const now = performance.now();
    const text = progressText(
      loads,
      { loads: plan.expectedLoads, rows: plan.expectedRows },
      (now - began) / 1_000,
    );
    progress.live(awaits === null ? text : `${text} · ${awaits}`);
    const all = awaits === null && loads.length >= plan.expectedLoads;
    if (all && loads.every(({ state }) => state !== 'open')) return loads;
    const account = loads.map(({ loadId, at }) => `${loadId}${at}`).join() + (awaits ?? '');
    if (account !== lastAccount) lastChange = now;
    lastAccount = account;
    const { givenUp } = services;
    if (givenUp) throw stuck(`${givenUp.name} ends again and again`, loads, givenUp.logFile);
    if (now - lastChange > STUCK_AFTER_MS) throw stuck('nothing has changed for 90 s', loads, '');
    await systemClock.sleep(TURN_MS, signal);
  }
}

function stuck(what: string, loads: readonly LoadAccount[], logFile: string): MillraceError {
  const open = loads.filter(({ state }) => state === 'open');
  const lines = open.map(
    ({ path, loadId, differences }) => `\n  ${path} (${loadId}): ${differences.join('; ')}`,
  );
  return new MillraceError({
    kind: 'systemic',
    code: 'MR-EXAMPLE-STUCK',
    message: `${what}; ${loads.length} loads, ${open.length} of them open${lines.join('')}`,
    remedy: logFile === '' ? 'The logs of the services tell more.' : `See ${logFile}`,
  });
}

async function outcomeOf(
  plan: ExamplePlan,
  world: World,
  seen: Seen,
  target: Target,
  seconds: number,
  signal: AbortSignal,
): Promise<Outcome> {
  const targets: Record<string, number> = {};
  for (const { table } of tablesOf(world.pipelines)) targets[table] = await target.count(table);
  return {
    loads: seen.loads,
    seconds,
    targets,
    rejects: await world.deadLetters(signal),
    checks: await plan.judge(seen, target),
  };
}

async function show(
  outcome: Outcome,
  world: World,
  target: Target,
  envFile: string,
  { json, once }: RunOptions,
): Promise<void> {
  const failed = outcome.checks.filter(({ holds }) => !holds);
  if (json) {
    process.stdout.write(`${JSON.stringify(outcomeJson(outcome), null, 2)}\n`);
    for (const { what, found } of failed) process.stderr.write(`✗ ${what}: ${found}\n`);
    return;
  }
  const style = styleFor(process.stdout.isTTY === true, process.env.NO_COLOR);
  const lines = [
    ...(await reportLines(outcome, world.pipelines, target, Date.now(), style)),
    '',
    isWell(outcome)
      ? style.good(`Every load balances, after ${outcome.seconds.toFixed(0)} s.`)
      : style.bad('Not everything is as it must be.'),
    ...nextLines(
      envFile,
      world.served && join(world.served, 'exports'),
      outcome,
      world.pipelines,
      !once,
      style,
    ),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** The last lines of each log, for whoever has to find out why. */
async function tellLogs(services: Services['running'], progress: Progress): Promise<void> {
  for (const { name, logFile } of services) {
    const lines = (await readFile(logFile, 'utf8').catch(() => '')).trimEnd().split('\n');
    progress.line(`--- ${name}, the end of ${logFile}`);
    for (const line of lines.slice(-LOG_LINES_SHOWN)) progress.line(line);
  }
}
