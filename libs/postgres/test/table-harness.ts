import { Secret, type SinkDef } from '@millrace/config';
import type { SinkTarget } from '@millrace/sink-kit';
import {
  CONTRACT_FIELDS,
  type ContractHarness,
  type ContractTable,
} from '../../sink-kit/test/contract-parts.ts';
import { type SinkIdentity, sinkColumn } from '../src/bookkeeping.ts';
import { type Connection, connect } from '../src/connection.ts';
import { quoteIdent } from '../src/quote.ts';
import { rewind, rewindPlan } from '../src/rewind.ts';

/** What differs between services that write to a table. */
export interface TableAdapter {
  /** The contract's sink as this service has it. Default: as it is. */
  readonly adapt?: (sink: SinkDef) => SinkDef;
  readonly target: (sink: SinkDef, identity: SinkIdentity) => SinkTarget;
  /** Columns that every unique index must hold beside its own. */
  readonly alsoUnique?: readonly string[];
}

/** A sink of the contract's records into a schema of its own, with names that need quoting. */
export function contractSink(url: string, schema: string, mode: 'merge' | 'append'): SinkDef {
  return {
    name: 'warehouse',
    target: { kind: 'postgres', url: new Secret(url) },
    output: 'clean',
    schema,
    table: 'Tag "Data"',
    write: mode === 'merge' ? { mode, key: ['Tag Name'], version: ['rev'] } : { mode },
    columns: [
      { kind: 'identity', name: 'ID' },
      { kind: 'insertTime', name: 'ImportDate' },
      ...CONTRACT_FIELDS.map(({ name, type, optional }) => ({
        kind: 'field' as const,
        name: name === 'tag' ? 'Tag Name' : name,
        field: name,
        type,
        optional,
        sqlType: name === 'note' ? 'varchar(20)' : null,
      })),
    ],
    indexes: [['ImportDate']],
    createTable: true,
    batchRecordsMax: 10_000,
    badRows: { max: 50, percent: 5 },
    onTruncation: 'halt',
    layoutHash: 'l1',
  };
}

let schemas = 0;

export const IDENTITY = { instance: 'test', pipeline: 'plant', sink: 'warehouse' };

/** Each table lies in a schema of its own, which the first claim creates. */
export function tableHarness(url: string, admin: Connection, adapter: TableAdapter): ContractHarness {
  const adapt = adapter.adapt ?? ((sink: SinkDef) => sink);
  const { hostname, port } = new URL(url);
  return {
    address: { host: hostname, port: Number(port) },
    async table(mode, { uniqueCode }): Promise<ContractTable> {
      schemas += 1;
      const schema = `contract "${process.pid}-${schemas}"`;
      const sink = adapt(contractSink(url, schema, mode));
      const inSchema = (name: string) => `${quoteIdent(schema)}.${quoteIdent(name)}`;
      const setUp = adapter.target(sink, { ...IDENTITY, sink: 'setup' });
      const request = { topic: 't', partition: 0, owner: 't', clusterId: 'c', layoutHash: 'l', logStart: 0 };
      if (uniqueCode) {
        await (await setUp.claim(request, new AbortController().signal)).release();
        await admin.query(
          `CREATE UNIQUE INDEX ON ${inSchema(sink.table)} (${['code', ...(adapter.alsoUnique ?? [])].join(', ')})`,
          'test',
        );
      }
      const selectRows = `SELECT "Tag Name", rev, note, millrace_load, millrace_row::int FROM ${inSchema(sink.table)} ORDER BY 1, 5`;
      return {
        target(address) {
          const via = new URL(url);
          if (address) via.port = String(address.port);
          return adapter.target({ ...sink, target: { ...sink.target, url: new Secret(via.href) } }, IDENTITY);
        },
        async rows() {
          const found = await admin.rows(selectRows, [], 'test');
          return found.map((row) => Object.values(row));
        },
        async rewind(topic, to) {
          const place = { schema, sink: sinkColumn(IDENTITY), topic };
          await rewind(admin, place, await rewindPlan(admin, place, to));
        },
        async gaps() {
          return (await admin.rows(`SELECT 1 FROM ${inSchema('millrace_gap')}`, [], 'test')).length;
        },
      };
    },
    close: () => admin.close(),
  };
}

export function open(url: string): Promise<Connection> {
  return connect({ url, applicationName: 'millrace test' });
}
