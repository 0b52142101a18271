import pg from 'pg';

/** Reads the tables that an example fills. */
export interface Target {
  count(table: string): Promise<number>;
  /** Column names and texts of some rows, in a stable order. */
  sample(table: string, order: readonly string[], limit: number): Promise<Record<string, string>[]>;
  /** Every row of a table, in batches, so that a large one does not fill the memory. */
  rows<Row extends pg.QueryResultRow>(sql: string): AsyncIterable<Row>;
  close(): Promise<void>;
}

const BATCH = 10_000;

export async function openTarget(url: string): Promise<Target> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  // A lost connection shows in the next query; without a listener it would end the process.
  client.on('error', () => undefined);
  return {
    async count(table) {
      const { rows } = await client.query<{ n: string }>(`SELECT count(*) AS n FROM ${quoted(table)}`);
      return Number(rows[0]?.n ?? 0);
    },
    async sample(table, order, limit) {
      const by = order.map(quoted).join(', ');
      const { rows } = await client.query(`SELECT * FROM ${quoted(table)} ORDER BY ${by} LIMIT ${limit}`);
      return rows.map((row: Record<string, unknown>) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, textOf(value)])),
      );
    },
    async *rows<Row extends pg.QueryResultRow>(sql: string) {
      await client.query('BEGIN READ ONLY');
      await client.query(`DECLARE seen NO SCROLL CURSOR FOR ${sql}`);
      for (;;) {
        const { rows } = await client.query<Row>(`FETCH ${BATCH} FROM seen`);
        yield* rows;
        if (rows.length < BATCH) break;
      }
      await client.query('COMMIT');
    },
    close: () => client.end(),
  };
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return value instanceof Date ? value.toISOString() : String(value);
}
