import { type LoadAccount, type LoadState, ledgerName, topics } from '@millrace/contracts';
import { MillraceError } from '@millrace/core';
import { equationsOf } from '../account/equations.ts';
import { loadDetailJson } from '../account/load-json.ts';
import { equationLines, loadsTable, newestFirst } from '../account/loads-table.ts';
import { letterJson, letterLines } from '../dead-letters/present.ts';
import { select } from '../dead-letters/selection.ts';
import type { Session } from '../session/session.ts';
import { formatAge, formatBytes, formatCount, plural } from '../text/quantity.ts';
import { paintState } from '../text/style.ts';
import { safeText } from '../text/table.ts';
import { accountsOf, readDeadLetters, readLedger, readLoads } from '../topics/own-records.ts';

const REJECTS_SHOWN_MAX = 10;

export interface LoadsOptions {
  readonly pipeline?: string;
  readonly state?: LoadState;
  readonly limit: number;
}

/** `millrace loads`: the newest loads with their account. */
export async function loads(session: Session, options: LoadsOptions): Promise<void> {
  const { output } = session;
  const matching = newestFirst(await readLoads(session)).filter(
    ({ pipeline, state }) =>
      (options.pipeline === undefined || pipeline === options.pipeline) &&
      (options.state === undefined || state === options.state),
  );
  const shown = matching.slice(0, options.limit);
  if (output.json) {
    output.document({ total: matching.length, loads: shown.map(loadDetailJson) });
    return;
  }
  if (matching.length === 0) {
    output.line('no loads yet');
    return;
  }
  output.lines(loadsTable(shown, session.now(), output.style));
  if (shown.length < matching.length) {
    output.note(`${formatCount(matching.length - shown.length)} more: --limit ${matching.length}`);
  }
}

/** `millrace load <id>`: the whole account of one load. */
export async function load(session: Session, id: string): Promise<void> {
  const { output, signal } = session;
  const kafka = await session.kafka();
  const registry = session.ownRegistry();
  const account = findLoad(accountsOf(session, await readLedger(kafka, registry, signal)), id);
  const pipeline = session.pipelines().find((one) => ledgerName(one) === account.pipeline);
  const topic = topics.deadLetters(pipeline ?? { name: account.pipeline, generation: 1 });
  const all = await readDeadLetters(kafka, registry, topic, signal);
  const letters = select(all, { load: account.loadId }).toSorted((x, y) => x.value.row - y.value.row);
  if (output.json) {
    output.document({
      ...loadDetailJson(account),
      equations: equationsOf(account),
      deadLetters: { total: letters.length, first: letters.slice(0, REJECTS_SHOWN_MAX).map(letterJson) },
    });
    return;
  }
  output.lines(headLines(account, session));
  output.line();
  output.lines(equationLines(account, output.style));
  if (letters.length > 0) {
    const more = letters.length > REJECTS_SHOWN_MAX ? `, the first ${REJECTS_SHOWN_MAX}` : '';
    output.line();
    output.line(`${plural(letters.length, 'dead letter')}${more}:`);
    output.lines(letterLines(letters.slice(0, REJECTS_SHOWN_MAX), output.style).map((line) => `  ${line}`));
  }
  output.line();
  output.lines(['next:', ...nextCommands(account).map((command) => `  ${command}`)]);
}

/** The load whose id begins so. */
export function findLoad(accounts: readonly LoadAccount[], id: string): LoadAccount {
  const found = accounts.filter(({ loadId }) => loadId.startsWith(id.toLowerCase()));
  const [only] = found;
  if (only && found.length === 1) return only;
  throw new MillraceError({
    kind: 'config',
    code: only ? 'MR-CLI-AMBIGUOUS' : 'MR-CLI-NO-LOAD',
    message: only ? `${found.length} loads begin with "${id}"` : `there is no load "${id}"`,
    remedy: only ? 'Give more of its letters.' : '`millrace loads` lists them.',
  });
}

function headLines(account: LoadAccount, session: Session): string[] {
  const { style } = session.output;
  const facts: [string, string][] = [
    ['load', account.loadId],
    ['state', paintState(style, account.state)(account.state)],
    ['pipeline', account.pipeline],
    [
      'file',
      `${safeText(account.path)} (${formatBytes(account.size)}, modified ${new Date(account.mtimeMs).toISOString()})`,
    ],
    ['version', `delivery ${account.version} of this path`],
    ['sha-256', account.sha256 ?? '(known when it is read to its end)'],
    ['changed', `${formatAge(session.now() - account.at)} ago`],
  ];
  if (account.reason !== null) facts.push(['reason', safeText(account.reason)]);
  return facts.map(([name, text]) => `${name.padEnd(8)}  ${text}`);
}

/** What an operator would want to run next. */
export function nextCommands(account: LoadAccount): string[] {
  const commands: string[] = [];
  if (account.openRejects > 0) {
    commands.push(
      `millrace dead-letters ls --pipeline ${account.pipeline} --load ${account.loadId}`,
      `millrace dead-letters replay --pipeline ${account.pipeline} --load ${account.loadId} --plan`,
    );
  }
  if (account.state === 'open') commands.push('millrace status');
  if (account.state === 'unbalanced') {
    commands.push(
      `millrace tail millrace.ledger --from beginning --no-follow --where 'loadId == "${account.loadId}"'`,
    );
  }
  const output = Object.keys(account.emitted)[0];
  if (output !== undefined) {
    commands.push(
      `millrace tail ${account.pipeline}.${output} --from beginning --limit 10 --where 'load == "${account.loadId}"'`,
    );
  }
  return commands.length > 0 ? commands : ['millrace loads'];
}
