import type { Pipeline, SinkDef } from '@millrace/config';
import { MillraceError } from '@millrace/core';
import type { Session } from '../session/session.ts';

/** Next offset by partition, as the sink's target holds it. Empty when the sink has never run. */
export async function sinkPositions(
  _session: Session,
  _pipeline: Pipeline,
  sink: SinkDef,
): Promise<Map<number, number>> {
  throw new MillraceError({
    kind: 'systemic',
    code: 'MR-CLI-TARGET',
    message: `the position of sink ${sink.name} cannot be read yet`,
  });
}
