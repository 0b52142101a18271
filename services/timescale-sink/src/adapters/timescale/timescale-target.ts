import type { SinkDef, TimescaleTarget } from '@millrace/config';
import { type SinkIdentity, TableTarget } from '@millrace/postgres';
import type { SinkTarget } from '@millrace/sink-kit';
import { seriesOf } from '../../domain/series.ts';
import type { Server } from '../../domain/server.ts';
import { claimProgress, touchStatements } from '../../domain/touch-sql.ts';
import { seriesTable } from './series-table.ts';
import { readServer } from './server.ts';

/** A sink whose database is a timescale target. */
export interface TimescaleSink extends SinkDef {
  readonly target: TimescaleTarget;
}

/** The series in its database. Asks at each claim what the server is: it may have been upgraded. */
export function timescaleTarget(
  sink: TimescaleSink,
  identity: SinkIdentity,
  onServer: (server: Server) => void,
): SinkTarget {
  const series = seriesOf(sink, sink.target.series);
  return new TableTarget({
    identity,
    schema: sink.schema,
    url: () => sink.target.url.reveal(),
    prepare: async (connection, place) => {
      const server = await readServer(connection);
      onServer(server);
      const ready = await seriesTable(connection, sink, series, server);
      // Continuous aggregates note for themselves what was touched.
      if (server.kind === 'community') return ready;
      await connection.query(claimProgress(series, place), 'noting the claim');
      return { ...ready, alongside: touchStatements(series, place) };
    },
  });
}
