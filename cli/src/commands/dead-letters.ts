import { type DeadLetter, topics } from '@millrace/contracts';
import { MillraceError } from '@millrace/core';
import { letterDetail, letterJson, letterTable } from '../dead-letters/present.ts';
import { type Selection, select } from '../dead-letters/selection.ts';
import type { Session } from '../session/session.ts';
import { formatCount, plural } from '../text/quantity.ts';
import { plainValue, RecordReader } from '../topics/decode.ts';
import type { Folded } from '../topics/fold.ts';
import { readDeadLetters, readLoads } from '../topics/own-records.ts';
import { toLineText } from '../values/render.ts';

export interface ListOptions extends Selection {
  readonly pipeline?: string;
  readonly limit: number;
}

/** `millrace dead-letters ls`. */
export async function listDeadLetters(session: Session, options: ListOptions): Promise<void> {
  const { output } = session;
  const all = select(await lettersOf(session, options.pipeline), options);
  const newest = all.toSorted((x, y) => y.value.rejectedAt - x.value.rejectedAt).slice(0, options.limit);
  if (output.json) {
    output.document({ total: all.length, reasons: reasonsOf(all), deadLetters: newest.map(letterJson) });
    return;
  }
  if (all.length === 0) {
    output.line('no dead letters');
    return;
  }
  const paths = new Map((await readLoads(session)).map(({ loadId, path }) => [loadId, path]));
  output.lines(letterTable(newest, paths, session.now(), output.style));
  const reasons = Object.entries(reasonsOf(all)).map(([reason, n]) => `${formatCount(n)} ${reason}`);
  output.line();
  output.line(`${plural(all.length, 'dead letter')}: ${reasons.join(', ')}`);
  if (newest.length < all.length)
    output.note(`${formatCount(all.length - newest.length)} more: --limit ${all.length}`);
}

/** `millrace dead-letters show <key>`. */
export async function showDeadLetter(session: Session, key: string, pipeline?: string): Promise<void> {
  const { output } = session;
  const letter = (await lettersOf(session, pipeline)).find((one) => one.key === key);
  if (!letter) {
    throw new MillraceError({
      kind: 'config',
      code: 'MR-CLI-NO-DEAD-LETTER',
      message: `there is no dead letter "${key}"`,
      remedy: '`millrace dead-letters ls` shows the keys; a replayed one is gone.',
    });
  }
  const decoded = await decodedOriginal(session, letter.value);
  if (output.json) output.document({ ...letterJson(letter), decoded });
  else output.lines(letterDetail(letter, decoded === null ? null : toLineText(decoded)));
}

/** The letters of one pipeline, or of all that have a file. */
export async function lettersOf(session: Session, name?: string): Promise<Folded<DeadLetter>[]> {
  const kafka = await session.kafka();
  const registry = session.ownRegistry();
  const pipelines = name === undefined ? session.pipelines() : [session.pipeline(name)];
  const letters = await Promise.all(
    pipelines.map((pipeline) =>
      readDeadLetters(kafka, registry, topics.deadLetters(pipeline), session.signal),
    ),
  );
  return letters.flat();
}

async function decodedOriginal(session: Session, letter: DeadLetter): Promise<unknown> {
  if (letter.original === null || letter.encoding !== 'avro') return null;
  const { value, encoding } = await new RecordReader(session.exactRegistry()).readValue(letter.original);
  return encoding === 'avro' ? value : plainValue(letter.original).value;
}

function reasonsOf(letters: readonly Folded<DeadLetter>[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { value } of letters) counts[value.reason] = (counts[value.reason] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort(([, x], [, y]) => y - x));
}
