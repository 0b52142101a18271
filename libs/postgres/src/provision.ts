import { MillraceError } from '@millrace/core';
import { BOOKKEEPING_TABLES, bookkeepingDdl } from './bookkeeping.ts';
import { type CatalogTable, existingTables, readTable, schemaExists } from './catalog.ts';
import { compareTable, differenceError } from './compare.ts';
import type { Connection } from './connection.ts';
import { createTableStatements } from './ddl.ts';
import { quoteIdent, quoteTable, quoteText } from './quote.ts';
import type { TableSpec } from './table-spec.ts';

export interface ProvisionOptions {
  /** Create the table when it is missing. */
  readonly createTable: boolean;
  /** More to do behind CREATE TABLE, in the same transaction: a hypertable, for instance. */
  readonly afterCreate?: readonly string[];
  /** Tables of ours beside those that every sink has, by name, with what makes them. */
  readonly bookkeeping?: ReadonlyMap<string, string>;
}

/**
 * Makes what is missing and compares what is there; returns the table as it is. Any number of processes may call
 * this at once: the first takes an advisory lock, makes everything in one transaction, and the others find it made.
 * @throws MillraceError `systemic` with the statements that mend a table which does not fit
 */
export async function provision(
  connection: Connection,
  spec: TableSpec,
  options: ProvisionOptions,
): Promise<CatalogTable> {
  const { schema } = spec;
  const names = [...bookkeepingOf(schema, options).keys(), spec.table];
  const present = await existingTables(connection, schema, names);
  // CREATE … IF NOT EXISTS asks for the right to create even when there is nothing to do: look first.
  if (names.some((name) => !present.has(name))) await createMissing(connection, spec, options);

  const table = await readTable(connection, spec);
  if (table === null) throw missingTable(spec);
  const differences = compareTable(spec, table);
  if (differences.length > 0) throw differenceError(spec, differences);
  return table;
}

async function createMissing(
  connection: Connection,
  spec: TableSpec,
  options: ProvisionOptions,
): Promise<void> {
  const { schema } = spec;
  const doing = 'creating tables';
  const key = quoteText(`millrace.ddl.${schema}`);
  await connection.query(`BEGIN; SELECT pg_advisory_xact_lock(hashtextextended(${key}, 0))`, doing);
  try {
    const statements: string[] = [];
    if (!(await schemaExists(connection, schema))) statements.push(`CREATE SCHEMA ${quoteIdent(schema)}`);
    const ours = bookkeepingOf(schema, options);
    const present = await existingTables(connection, schema, [...ours.keys(), spec.table]);
    for (const [name, ddl] of ours) if (!present.has(name)) statements.push(ddl);
    if (!present.has(spec.table)) {
      if (!options.createTable) throw missingTable(spec);
      statements.push(...createTableStatements(spec), ...(options.afterCreate ?? []));
    }
    await connection.query([...statements, 'COMMIT'].join(';\n'), doing);
  } catch (error) {
    // When the session itself is lost this fails as well, and the first error is the one that says why.
    await connection.query('ROLLBACK', doing).catch(() => undefined);
    throw error;
  }
}

function bookkeepingOf(schema: string, { bookkeeping }: ProvisionOptions): ReadonlyMap<string, string> {
  const every = BOOKKEEPING_TABLES.map((name) => [name, bookkeepingDdl(name, schema)] as const);
  return new Map([...every, ...(bookkeeping ?? [])]);
}

function missingTable(spec: TableSpec): MillraceError {
  return new MillraceError({
    kind: 'systemic',
    code: 'MR-PG-NO-TABLE',
    message: `table ${quoteTable(spec)} does not exist and createTable is false`,
    remedy: createTableStatements(spec)
      .map((statement) => `${statement};`)
      .join('\n'),
  });
}
