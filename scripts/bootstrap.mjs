// The first step of `npm test`, `npm run demo` and the others. Plain JavaScript without dependencies, the only
// script that is not TypeScript: it runs under whatever Node (20 or later) is there, before `npm ci` has brought
// the project's own Node 24 and everything else. Standard output is left to the script that it starts.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const COMMANDS = ['test', 'demo', 'example', 'stack'];
const JAVA_VERSION_MIN = 17;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const own = join(root, '.millrace');
const logFile = join(own, 'install.log');

/** @param {string} line */
function progress(line) {
  process.stderr.write(`${line}\n`);
}

/**
 * @param {string} what
 * @param {string} remedy
 * @returns {never}
 */
function giveUp(what, remedy) {
  progress(`${what}\n  ${remedy}`);
  process.exit(1);
}

/**
 * Runs a command with its output in the log file.
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} [env]
 * @returns {boolean} whether it exited 0
 */
function logged(command, args, env = {}) {
  const log = openSync(logFile, 'a');
  try {
    const stdio = /** @type {import('node:child_process').StdioOptions} */ (['ignore', log, log]);
    const result = spawnSync(command, args, {
      cwd: root,
      stdio,
      env: { ...process.env, ...env },
      shell: process.platform === 'win32',
    });
    return result.status === 0;
  } finally {
    closeSync(log);
  }
}

/** npm ci, when the lock file is not the one that was installed last. */
function install() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = join(root, 'node_modules', '.millrace-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  progress('packages: installing (npm ci)');
  const began = Date.now();
  // A quiet npm above us must not make the log empty.
  if (!logged('npm', ['ci', '--no-audit', '--no-fund'], { npm_config_loglevel: 'notice' })) {
    giveUp('packages: npm ci failed', `Its output is in ${logFile}`);
  }
  writeFileSync(stamp, lock);
  progress(`packages: installed in ${((Date.now() - began) / 1000).toFixed(0)} s`);
}

/** @returns {boolean} */
function hasJava() {
  const result = spawnSync('java', ['-version'], { encoding: 'utf8' });
  // `openjdk version "17.0.15"`; before Java 9 it was "1.8".
  const major = Number(/version "(\d+)/.exec(result.stderr ?? '')?.[1]);
  return result.status === 0 && major >= JAVA_VERSION_MIN;
}

/** @returns {boolean} */
function hasMaven() {
  return spawnSync('mvn', ['-v'], { stdio: 'ignore', shell: process.platform === 'win32' }).status === 0;
}

/** Java and Maven serve the embedded Kafka and registry. Installed where that needs no question, else named. */
function needJavaAndMaven() {
  const missing = () => [...(hasJava() ? [] : ['openjdk-17-jre-headless']), ...(hasMaven() ? [] : ['maven'])];
  const packages = missing();
  if (packages.length === 0) return;
  const apt = spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status === 0;
  if (process.getuid?.() === 0 && apt) {
    progress(`system: installing ${packages.join(' and ')} (apt-get)`);
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    logged('apt-get', ['update', '-q'], env);
    // Newer Debians have no Java 17; theirs will do.
    if (!logged('apt-get', ['install', '-qy', '--no-install-recommends', ...packages], env)) {
      const others = packages.map((name) => (name === 'maven' ? name : 'default-jre-headless'));
      logged('apt-get', ['install', '-qy', '--no-install-recommends', ...others], env);
    }
    if (missing().length === 0) return;
  }
  const names = packages.map((name) =>
    name === 'maven' ? 'Maven (mvn)' : `Java ${JAVA_VERSION_MIN} or later (java)`,
  );
  giveUp(
    `system: ${names.join(' and ')} not found on PATH`,
    `The embedded Kafka needs it. On Debian or Ubuntu: sudo apt-get install ${packages.join(' ')}; ` +
      'on macOS: brew install openjdk@17 maven',
  );
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function start(command, args) {
  const script = join(root, 'scripts', `${command}.ts`);
  const bin = join(root, 'node_modules', '.bin');
  const node = [join(root, 'node_modules', 'node', 'bin', 'node'), join(bin, 'node.cmd')].find((file) =>
    existsSync(file),
  );
  if (!existsSync(script)) giveUp(`${command}: not there yet`, `${script} does not exist`);
  if (node === undefined)
    giveUp('packages: the project has no Node 24', 'Delete node_modules and start again');
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };
  const child = spawn(node, [script, ...args], { cwd: root, stdio: 'inherit', env });
  const signals = /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
  // A terminal signals the child as well; a supervisor signals only us. A second one does no harm.
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.once('error', (error) => giveUp(`${command}: ${error.message}`, `Tried to run ${node}`));
  child.once('exit', (code, signal) =>
    process.exit(signal === null ? (code ?? 1) : 128 + constants.signals[signal]),
  );
}

const [command = '', ...args] = process.argv.slice(2);
if (!COMMANDS.includes(command)) {
  giveUp(`usage: node scripts/bootstrap.mjs ${COMMANDS.join('|')} [arguments]`, `There is no "${command}"`);
}
mkdirSync(own, { recursive: true });
install();
needJavaAndMaven();
start(command, args);
