import { LEDGER_TOPIC } from '@millrace/contracts';
import type { CompileContext } from './context.ts';

const SHARED = LEDGER_TOPIC.slice(0, LEDGER_TOPIC.indexOf('.'));

/** An output `ledger` of a pipeline `millrace` would write into everybody's ledger. */
export function checkName(ctx: CompileContext, name: string): void {
  if (name !== SHARED) return;
  const message = `'${name}' starts the names of topics that all pipelines share.`;
  ctx.report.error(['pipeline'], 'MR-CONFIG-NAME', message, 'Choose another name.');
}
