import type { SinkDef } from '@millrace/config';
import { MillraceError } from '@millrace/core';
import { type Connection, provision, quoteIdent, type ReadyTable } from '@millrace/postgres';
import { hypertable } from '../../domain/aggregate-sql.ts';
import { interval, regclass, type Series, seriesBookkeeping, tableOf } from '../../domain/series.ts';
import type { Server } from '../../domain/server.ts';

/**
 * Makes the table, and the hypertable of it, in one transaction, or compares what is there. Any number of processes
 * at once.
 * @throws MillraceError `systemic` with the statement that mends a table which is no such hypertable
 */
export async function seriesTable(
  connection: Connection,
  sink: SinkDef,
  series: Series,
  server: Server,
): Promise<ReadyTable> {
  const spec = tableOf(sink, series);
  const isSeries = server.kind !== 'plain';
  const table = await provision(connection, spec, {
    createTable: sink.createTable,
    afterCreate: isSeries ? [hypertable(series, series.time, series.chunkMs, server)] : [],
    bookkeeping: seriesBookkeeping(series.schema),
  });
  if (isSeries) await compareHypertable(connection, series, server, table.partitioned);
  return { spec, table };
}

async function compareHypertable(
  connection: Connection,
  series: Series,
  server: Server,
  partitioned: boolean,
): Promise<void> {
  const [found] = await connection.rows<{ column_name: string; same: boolean; length: string }>(
    `SELECT column_name, time_interval = ${interval(series.chunkMs)} AS same, time_interval::text AS length
     FROM timescaledb_information.dimensions
     WHERE hypertable_schema = $1 AND hypertable_name = $2 AND dimension_number = 1`,
    [series.schema, series.table],
    'reading the dimensions of the hypertable',
  );
  const name = `${series.schema}.${series.table}`;
  if (found === undefined) {
    throw differs(
      `table ${name} exists, but is no hypertable`,
      partitioned
        ? 'A partitioned table cannot become one: name another table, and copy the rows if they are needed.'
        : `${hypertable(series, series.time, series.chunkMs, server, true)};`,
    );
  }
  if (found.column_name !== series.time) {
    const remedy = `Write 'time: ${found.column_name}', or name another table.`;
    throw differs(`hypertable ${name} is cut by ${found.column_name}, not by ${series.time}`, remedy);
  }
  if (found.same) return;
  const setting = `${quoteIdent(server.extensionSchema)}.set_chunk_time_interval(${regclass(series)}, ${interval(series.chunkMs)})`;
  throw differs(`chunks of ${name} hold ${found.length}, the pipeline says otherwise`, `SELECT ${setting};`);
}

function differs(message: string, remedy: string): MillraceError {
  return new MillraceError({ kind: 'systemic', code: 'MR-TS-TABLE-DIFFERS', message, remedy });
}
