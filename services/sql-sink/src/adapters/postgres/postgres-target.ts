import type { SinkDef } from '@millrace/config';
import { provision, type SinkIdentity, TableTarget } from '@millrace/postgres';
import type { SinkTarget } from '@millrace/sink-kit';

/** The sink's table in a PostgreSQL database. */
export function postgresTarget(sink: SinkDef, identity: SinkIdentity): SinkTarget {
  return new TableTarget({
    identity,
    schema: sink.schema,
    url: () => sink.target.url.reveal(),
    prepare: async (connection) => ({
      spec: sink,
      table: await provision(connection, sink, { createTable: sink.createTable }),
    }),
  });
}
