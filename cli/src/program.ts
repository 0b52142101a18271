import type { LoadState } from '@millrace/contracts';
import { MillraceError } from '@millrace/core';
import { Command, InvalidArgumentError, Option } from 'commander';
import { listDeadLetters, showDeadLetter } from './commands/dead-letters.ts';
import { lintCommand } from './commands/lint.ts';
import { load, loads } from './commands/loads.ts';
import { opcTrust } from './commands/opc-trust.ts';
import { replay } from './commands/replay.ts';
import { rewindSink } from './commands/rewind.ts';
import { status } from './commands/status.ts';
import { type TailFrom, tail } from './commands/tail.ts';
import type { Session } from './session/session.ts';

/** Runs a command in a session; resolves to the exit code. Given by `main`. */
export type Run = (
  options: { readonly json: boolean },
  action: (session: Session) => Promise<number>,
) => Promise<void>;

const LOAD_STATES: readonly LoadState[] = [
  'open',
  'balanced',
  'balancedWithRejects',
  'abandoned',
  'unbalanced',
];

interface Given {
  readonly json?: boolean;
}

/** The whole command line, without any of its effects. */
export function createProgram(run: Run): Command {
  const program = new Command('millrace')
    .description('Looks into pipelines: files, loads, topics, dead letters.')
    .option('--json', 'results as JSON on stdout')
    .showSuggestionAfterError()
    .helpOption('-h, --help', 'what a command does and takes')
    .configureHelp({ sortSubcommands: false })
    .addHelpText('after', HELP_AFTER);
  program.helpCommand('help [command]', 'what a command does and takes');
  addLooking(program, run);
  addDeadLetters(program, run);
  addRewind(program, run);
  return program;
}

const HELP_AFTER = `
Where Kafka, the registry and the pipeline files are comes from the environment, as for the services:
MILLRACE_PIPELINES, KAFKA_BROKERS, SCHEMA_REGISTRY_URL and what the pipelines use.
Exit code: 0 well, 1 failed, 2 the request makes no sense.`;

/** Runs an action with the options of its command, the global ones included; a number it gives is the exit code. */
function act<Options extends object>(
  run: Run,
  command: Command,
  action: (session: Session, options: Options) => Promise<unknown>,
): Promise<void> {
  const options = command.optsWithGlobals<Options & Given>();
  return run({ json: options.json === true }, async (session) => {
    const result = await action(session, options);
    return typeof result === 'number' ? result : 0;
  });
}

function addLooking(program: Command, run: Run): void {
  program
    .command('lint')
    .description('check pipeline files: file, line, column, what is wrong, what to write')
    .argument('[paths...]', 'files or folders; default: MILLRACE_PIPELINES')
    .action((paths: string[], _options, command: Command) =>
      act(run, command, (session) => lintCommand(session, paths)),
    );
  program
    .command('opc')
    .description('OPC UA servers')
    .command('trust')
    .description("list refused certificates of servers, or trust one; on the collector's MILLRACE_WORK")
    .argument('[thumbprint]')
    .action((thumbprint: string | undefined, _options, command: Command) =>
      act(run, command, (session) => opcTrust(session, thumbprint)),
    );
  program
    .command('status')
    .description('topics, lag of each stage, loads and dead letters of each pipeline')
    .argument('[pipeline]')
    .action((pipeline: string | undefined, _options, command: Command) =>
      act(run, command, (session) => status(session, pipeline)),
    );
  program
    .command('loads')
    .description('loads (files) with their reconciliation, newest first')
    .option('--pipeline <name>', 'only of this pipeline')
    .addOption(new Option('--state <state>', 'only in this state').choices([...LOAD_STATES]))
    .option('--limit <n>', 'at most so many', count, 50)
    .action((_options, command: Command) => act(run, command, loads));
  program
    .command('load')
    .description('the whole account of one load')
    .argument('<id>', 'its id, or the beginning of it')
    .action((id: string, _options, command: Command) => act(run, command, (session) => load(session, id)));
  program
    .command('tail')
    .description('the records of a topic, decoded, with key, mark and time')
    .argument('<topic>')
    .option('--where <cel>', 'only records for which this CEL condition is true, e.g. tagName == "T1"')
    .option('--from <where>', 'beginning, latest or an offset', tailFrom, 'latest')
    .option('--partition <n>', 'only this partition', index)
    .option('--limit <n>', 'stop after so many records', count)
    .option('--no-follow', 'stop at the present end')
    .action((topic: string, _options, command: Command) =>
      act(run, command, (session, options: Parameters<typeof tail>[2]) => tail(session, topic, options)),
    );
}

function addDeadLetters(program: Command, run: Run): void {
  const group = program.command('dead-letters').description('rejected records: list, show, replay');
  const selecting = (command: Command): Command =>
    command
      .option('--pipeline <name>', 'only of this pipeline')
      .option('--load <id>', 'only of this load')
      .option('--reason <code>', 'only with this reason code')
      .option('--stage <stage>', 'only of this stage: ingest, transform, sink or sink.<name>');
  selecting(group.command('ls'))
    .description('list them, newest first')
    .option('--limit <n>', 'at most so many', count, 50)
    .action((_options, command: Command) => act(run, command, listDeadLetters));
  group
    .command('show')
    .description('everything about one, with its original')
    .argument('<key>')
    .option('--pipeline <name>', 'where it is')
    .action((key: string, _options, command: Command) =>
      act(run, command, (session, options: { pipeline?: string }) =>
        showDeadLetter(session, key, options.pipeline),
      ),
    );
  selecting(group.command('replay'))
    .description('send them again to the stage that rejected them; each is replayed once')
    .argument('[keys...]', 'these; otherwise all that the options select')
    .option('--all', 'every dead letter, when nothing else narrows')
    .option('--plan', 'show what would be done and change nothing', false)
    .action((keys: string[], _options, command: Command) =>
      act(run, command, (session, options: ReplayGiven) => replay(session, checkedReplay(options, keys))),
    );
}

type ReplayGiven = Omit<Parameters<typeof replay>[1], 'keys'> & { readonly all?: boolean };

/** Without any narrowing a slip of the finger would replay everything. */
function checkedReplay(options: ReplayGiven, keys: readonly string[]): Parameters<typeof replay>[1] {
  const { pipeline, load: loadId, reason, stage, all, plan } = options;
  const narrowed = keys.length > 0 || [pipeline, loadId, reason, stage].some((given) => given !== undefined);
  if (!narrowed && !all && !plan) {
    throw new MillraceError({
      kind: 'config',
      code: 'MR-CLI-REPLAY-ALL',
      message: 'nothing says which dead letters to replay',
      remedy: 'Give keys, --pipeline, --load, --reason or --stage; or --all. See first with --plan.',
    });
  }
  return { ...options, keys };
}

function addRewind(program: Command, run: Run): void {
  program
    .command('rewind')
    .description('apply records of a sink again; the target keeps its rows, the loads keep their counts')
    .argument('<pipeline/sink>')
    .option('--to <where>', 'beginning or an offset')
    .option('--load <id>', 'to the first record of this load')
    .option('--plan', 'show what would be done and change nothing', false)
    .action((sink: string, _options, command: Command) =>
      act(run, command, (session, options: Parameters<typeof rewindSink>[2]) =>
        rewindSink(session, sink, options),
      ),
    );
}

function count(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It has to be a whole number from 1.');
  return Number(text);
}

function index(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('It has to be a whole number from 0.');
  return Number(text);
}

function tailFrom(text: string): TailFrom {
  if (text === 'beginning' || text === 'latest') return text;
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is beginning, latest or an offset.');
  return Number(text);
}
