import { expect, inject, it } from 'vitest';

import { write } from '../../sink-kit/test/contract-parts.ts';
import { claim } from '../src/claim.ts';
import { connect } from '../src/connection.ts';
import { provision } from '../src/provision.ts';
import { PostgresSession } from '../src/session.ts';
import type { TableSpec } from '../src/table-spec.ts';

const { DATABASE_URL = '' } = inject('stack');
const LOAD = '0123456789abcdef';

const SPEC: TableSpec = {
  schema: `partitioned ${process.pid}`,
  table: 't',
  write: { mode: 'merge', key: ['tag', 'part'], version: ['rev'] },
  columns: (['tag', 'part', 'rev'] as const).map((name) => ({
    kind: 'field',
    name,
    field: name,
    type: { kind: name === 'tag' ? 'string' : 'int32' },
    optional: false,
    sqlType: null,
  })),
  indexes: [],
  partitionedBy: 'part',
};

/** One row per tag, over two partitions. */
function rowsOf(tags: readonly string[], rev: number) {
  return tags.map((tag, ord) => ({
    ord,
    offset: ord,
    loadId: LOAD,
    row: ord + 1,
    fileTime: 1_000,
    value: { tag, part: ord % 2, rev },
  }));
}

it.each(['merge', 'append'] as const)('counts what a %s did to a partitioned table', async (mode) => {
  const spec: TableSpec =
    mode === 'merge' ? SPEC : { ...SPEC, table: 'log', write: { mode }, partitionedBy: 'part' };
  const connection = await connect({ url: DATABASE_URL, applicationName: 'millrace test' });
  const name = `"${spec.schema}".${spec.table}`;
  await connection.query(
    `CREATE SCHEMA IF NOT EXISTS "${spec.schema}";
     CREATE TABLE ${name} (tag text NOT NULL, part integer NOT NULL, rev integer NOT NULL,
       millrace_file_time timestamptz, millrace_load text, millrace_row bigint) PARTITION BY LIST (part);
     CREATE TABLE "${spec.schema}"."${spec.table}_0" PARTITION OF ${name} FOR VALUES IN (0);
     CREATE TABLE "${spec.schema}"."${spec.table}_1" PARTITION OF ${name} FOR VALUES IN (1);
     CREATE UNIQUE INDEX ON ${name} (${mode === 'merge' ? 'tag, part' : 'millrace_load, millrace_row, part'})`,
    'test',
  );
  const table = await provision(connection, spec, { createTable: false });
  const request = { owner: 't', clusterId: 'c', layoutHash: 'l', logStart: 0 };
  const place = { schema: spec.schema, sink: `s/${mode}`, topic: 't', partition: 0 };
  const claimed = await claim(connection, { ...place, ...request });
  const session = await PostgresSession.open(connection, { spec, table, place, claimed });
  const counts = async (from: number, rows: ReturnType<typeof rowsOf>) => {
    const [account] = await write(session, rows, { from, to: from + 1 });
    return [account?.inserted, account?.updated, account?.unchanged, account?.superseded];
  };
  expect(await counts(0, rowsOf(['a', 'b'], 1))).toEqual([2, 0, 0, 0]);
  const again = mode === 'merge' ? [3, 1, 1, 0] : [3, 0, 2, 0];
  const mixed = [...rowsOf(['a'], 2), ...rowsOf(['x', 'b', 'c'], 1).slice(1)];
  expect(
    await counts(
      1,
      mixed.map((row, ord) => ({ ...row, ord })),
    ),
  ).toEqual(again);
  await session.release();
});
