import { systemClock } from '@millrace/core';
import { CommanderError } from 'commander';
import { createProgram, type Run } from './program.ts';
import { createOutput, errorText, exitCodeFor } from './session/output.ts';
import { Session } from './session/session.ts';
import { styleFor } from './text/style.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
// `millrace tail … | head`: the reader has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const run: Run = async ({ json }, action) => {
  const output = createOutput(process, json, styleFor(process.stdout.isTTY === true, process.env.NO_COLOR));
  const session = new Session({
    variables: process.env,
    clock: systemClock,
    random: Math.random,
    output,
    signal: stop.signal,
  });
  try {
    process.exitCode = await action(session);
  } catch (thrown) {
    // Ctrl-C is how one leaves `tail`; other commands end with what an interrupted command ends with.
    if (stop.signal.aborted) process.exitCode = 130;
    else {
      const errorStyle = styleFor(process.stderr.isTTY === true, process.env.NO_COLOR);
      output.note(errorText(thrown, json, errorStyle));
      process.exitCode = exitCodeFor(thrown);
    }
  } finally {
    await session.close();
  }
};

const program = createProgram(run);
// Every command inherits it: commander's own exits become ours, 2 for what makes no sense.
for (const command of [program, ...program.commands, ...program.commands.flatMap((one) => one.commands)]) {
  command.exitOverride();
}
try {
  await program.parseAsync();
} catch (thrown) {
  if (!(thrown instanceof CommanderError)) throw thrown;
  process.exitCode = thrown.exitCode === 0 ? 0 : 2;
}
