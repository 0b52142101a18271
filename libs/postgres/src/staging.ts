import { MillraceError } from '@millrace/core';
import pgCopy from 'pg-copy-streams';
import type { Connection } from './connection.ts';
import { classify } from './errors.ts';
import { quoteIdent } from './quote.ts';
import { stagingType } from './sql-types.ts';
import { fieldColumns, LINEAGE, type TableSpec } from './table-spec.ts';

/** In the session's own temporary schema: no other session can see it or meet its locks. */
export const STAGE = 'pg_temp.millrace_stage';
/** Position of a row in its batch. */
export const ORD = 'millrace_ord';

/** Types as wide as the record's: data cannot fail the COPY. The order is that of the COPY encoder. */
export function stageDdl(spec: TableSpec): string {
  const columns = [
    `${ORD} integer NOT NULL`,
    `${LINEAGE.load} text COLLATE "C" NOT NULL`,
    `${LINEAGE.row} bigint NOT NULL`,
    `${LINEAGE.fileTime} timestamp with time zone NOT NULL`,
    ...fieldColumns(spec).map((column) => `${quoteIdent(column.name)} ${stagingType(column.type)}`),
  ];
  return `CREATE TEMPORARY TABLE millrace_stage (\n  ${columns.join(',\n  ')}\n)`;
}

/** Big enough to cost few calls, small enough that the server reads one while the next is on its way. */
const SLICE_BYTES = 256 * 1024;

/**
 * Empties the stage and copies encoded rows into it, in one message and outside of our transactions. The bytes may
 * be reused when it returns.
 */
export async function copyToStage(connection: Connection, encoded: Buffer, rows: number): Promise<void> {
  const doing = 'staging rows';
  const copy = connection.client.query(
    pgCopy.from(`TRUNCATE ${STAGE}; COPY ${STAGE} FROM STDIN (FORMAT binary)`),
  );
  try {
    await new Promise<void>((resolve, reject) => {
      copy.once('error', reject);
      copy.once('finish', resolve);
      for (let at = 0; at < encoded.length; at += SLICE_BYTES) {
        copy.write(encoded.subarray(at, at + SLICE_BYTES));
      }
      copy.end();
    });
  } catch (error) {
    const classified = classify(error, doing);
    if (classified.kind !== 'data') throw classified;
    // The stage holds whatever a record holds: what it refuses was encoded wrongly.
    throw new MillraceError({ kind: 'bug', code: 'MR-PG-COPY', message: classified.message });
  }
  if (copy.rowCount !== rows) {
    const message = `${doing}: ${copy.rowCount} of ${rows} rows arrived`;
    throw new MillraceError({ kind: 'bug', code: 'MR-PG-COPY', message });
  }
}
