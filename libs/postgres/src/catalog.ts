import type { Connection } from './connection.ts';

/** A column as the database has it. */
export interface CatalogColumn {
  readonly name: string;
  /** With its modifiers, as the database writes it: `character varying(20)`. */
  readonly type: string;
  /** Without them: `character varying`. */
  readonly baseType: string;
  /** `pg_type.typcategory`. */
  readonly category: string;
  readonly notNull: boolean;
  /** A default, an identity or a generated value. */
  readonly filled: boolean;
}

export interface CatalogTable {
  readonly columns: ReadonlyMap<string, CatalogColumn>;
  /** Column names of every index that an ON CONFLICT over just these columns would use, sorted. */
  readonly uniqueKeys: readonly (readonly string[])[];
  /** By PARTITION BY. A hypertable is none: it is a table with children. */
  readonly partitioned: boolean;
}

/** Which of these relations exist. */
export async function existingTables(
  connection: Connection,
  schema: string,
  names: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await connection.rows<{ relname: string }>(
    `SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = ANY($2) AND c.relkind IN ('r', 'p', 'f', 'v')`,
    [schema, names],
    'looking for tables',
  );
  return new Set(rows.map((row) => row.relname));
}

export async function schemaExists(connection: Connection, schema: string): Promise<boolean> {
  const sql = 'SELECT 1 FROM pg_namespace WHERE nspname = $1';
  return (await connection.rows(sql, [schema], 'looking for the schema')).length > 0;
}

/** Reads a table's columns and unique keys; null when there is none. */
export async function readTable(
  connection: Connection,
  { schema, table }: { readonly schema: string; readonly table: string },
): Promise<CatalogTable | null> {
  if (!(await existingTables(connection, schema, [table])).has(table)) return null;
  const columns = await connection.rows<{
    name: string;
    type: string;
    base_type: string;
    category: string;
    not_null: boolean;
    filled: boolean;
  }>(COLUMNS_SQL, [schema, table], 'reading the columns of the table');
  const kinds = await connection.rows<{ relkind: string }>(
    'SELECT c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2',
    [schema, table],
    'reading the kind of the table',
  );
  const keys = await connection.rows<{ names: string[] }>(
    UNIQUE_KEYS_SQL,
    [schema, table],
    'reading the indexes of the table',
  );
  return {
    columns: new Map(
      columns.map((row) => [
        row.name,
        {
          name: row.name,
          type: row.type,
          baseType: row.base_type,
          category: row.category,
          notNull: row.not_null,
          filled: row.filled,
        },
      ]),
    ),
    uniqueKeys: keys.map((row) => row.names),
    partitioned: kinds[0]?.relkind === 'p',
  };
}

const COLUMNS_SQL = `
  SELECT a.attname AS name,
         format_type(a.atttypid, a.atttypmod) AS type,
         format_type(a.atttypid, NULL) AS base_type,
         t.typcategory AS category,
         a.attnotnull AS not_null,
         (a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '') AS filled
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_type t ON t.oid = a.atttypid
  WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped
  ORDER BY a.attnum`;

/** Immediate, valid, without predicate and expressions: what ON CONFLICT (columns) infers. */
const UNIQUE_KEYS_SQL = `
  SELECT array_agg(a.attname::text ORDER BY a.attname::text COLLATE "C") AS names
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
  WHERE n.nspname = $1 AND c.relname = $2 AND i.indisunique AND i.indisvalid AND i.indimmediate
    AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= i.indnkeyatts
  GROUP BY i.indexrelid`;
