import type { FieldDef, FieldValue, MillraceError, RecordValue } from '@millrace/core';
import { waitFor } from '@millrace/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type ClaimOptions, claim } from '../src/claim.ts';
import { type Connection, connect } from '../src/connection.ts';
import { provision } from '../src/provision.ts';
import { PostgresSession } from '../src/session.ts';
import type { FieldColumn, TableSpec } from '../src/table-spec.ts';

const { DATABASE_URL = '', DATABASE_ADMIN_URL = '' } = inject('stack');
let admin: Connection;
let schemas = 0;
beforeAll(async () => {
  admin = await open();
});
afterAll(() => admin.close());

function open(url = DATABASE_URL): Promise<Connection> {
  return connect({ url, applicationName: 'millrace test' });
}

const FIELDS: readonly FieldDef[] = [
  { name: 'text', type: { kind: 'string' }, optional: true },
  { name: 'flag', type: { kind: 'boolean' }, optional: true },
  { name: 'small', type: { kind: 'int32' }, optional: true },
  { name: 'large', type: { kind: 'int64' }, optional: true },
  { name: 'double', type: { kind: 'float64' }, optional: true },
  { name: 'exact', type: { kind: 'decimal', precision: 38, scale: 5 }, optional: true },
  { name: 'whole', type: { kind: 'decimal', precision: 38, scale: 0 }, optional: true },
  { name: 'time', type: { kind: 'timestamp' }, optional: true },
  { name: 'day', type: { kind: 'date' }, optional: true },
  { name: 'bytes', type: { kind: 'bytes' }, optional: true },
];

function specOf(over: Partial<TableSpec> = {}): TableSpec {
  schemas += 1;
  const columns = FIELDS.map(
    (field): FieldColumn => ({ kind: 'field', field: field.name, sqlType: null, ...field }),
  );
  return {
    schema: `pg ${process.pid} ${schemas}`,
    table: 't',
    write: { mode: 'append' },
    columns,
    indexes: [],
    ...over,
  };
}

function placeOf(spec: TableSpec): ClaimOptions {
  return {
    schema: spec.schema,
    sink: 'test/p/s',
    topic: 'p.clean',
    partition: 0,
    owner: 'test',
    clusterId: 'c',
    layoutHash: 'l',
    logStart: 0,
  };
}

async function sessionOf(spec: TableSpec): Promise<PostgresSession> {
  const connection = await open();
  const table = await provision(connection, spec, { createTable: true });
  const place = placeOf(spec);
  return PostgresSession.open(connection, { spec, table, place, claimed: await claim(connection, place) });
}

const NULLS: RecordValue = Object.fromEntries(FIELDS.map(({ name }) => [name, null]));

/** Writes records through COPY, stage and merge, and reads each column back as the database prints it. */
async function roundTrip(values: readonly RecordValue[]): Promise<Record<string, string | null>[]> {
  const spec = specOf();
  const session = await sessionOf(spec);
  const rows = values.map((value, i) => ({
    ord: i,
    loadId: '0'.repeat(16),
    row: i + 1,
    fileTime: null,
    value: { ...NULLS, ...value },
  }));
  expect(rows.map((row) => session.check(row.value))).toEqual(rows.map(() => null));
  await session.stage(rows);
  await session.apply({ from: 0, to: rows.length, counting: 'uncounted', loads: [], ledgerThrough: 0 });
  await session.release();
  const print = FIELDS.map(({ name, type }) =>
    type.kind === 'timestamp'
      ? `(extract(epoch FROM "${name}") * 1000000)::bigint::text AS "${name}"`
      : type.kind === 'date'
        ? `("${name}" - date '1970-01-01')::text AS "${name}"`
        : `"${name}"::text AS "${name}"`,
  );
  return admin.rows(`SELECT ${print.join(', ')} FROM "${spec.schema}".t ORDER BY millrace_row`, [], 'test');
}

function decimalText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const at = digits.length - scale;
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, at)}${scale > 0 ? `.${digits.slice(at)}` : ''}`;
}

describe('values', () => {
  it('at their edges come back exactly', async () => {
    const cases: [string, FieldValue, string][] = [
      ['text', '', ''],
      ['text', 'ä€😀'.repeat(40), 'ä€😀'.repeat(40)],
      ['text', `${'a'.repeat(31)}ü`, `${'a'.repeat(31)}ü`],
      ['text', 'x'.repeat(3_000_000), 'x'.repeat(3_000_000)],
      ['flag', true, 'true'],
      ['flag', false, 'false'],
      ['small', -2_147_483_648, '-2147483648'],
      ['large', 2n ** 63n - 1n, '9223372036854775807'],
      ['large', -(2n ** 63n), '-9223372036854775808'],
      ['double', Number.NaN, 'NaN'],
      ['double', -0, '-0'],
      ['double', Number.MIN_VALUE, '5e-324'],
      ['double', Number.NEGATIVE_INFINITY, '-Infinity'],
      ['exact', 0n, '0.00000'],
      ['exact', -1n, '-0.00001'],
      ['exact', 10n ** 38n - 1n, `${'9'.repeat(33)}.99999`],
      ['exact', 12_345_600_000n, '123456.00000'],
      ['whole', 10_000n ** 9n, `1${'0'.repeat(36)}`],
      ['time', 0, '0'],
      ['time', -1, '-1'],
      ['time', 253_402_300_799_000_000, '253402300799000000'],
      ['time', -62_135_596_800_000_000, '-62135596800000000'],
      ['day', -719_162, '-719162'],
      ['day', 2_145_042_905, '2145042905'],
      ['bytes', Buffer.from([0, 255, 10]), '\\x00ff0a'],
    ];
    const found = await roundTrip(cases.map(([name, value]) => ({ [name]: value })));
    expect(found.map((row, i) => row[cases[i]?.[0] ?? ''])).toEqual(cases.map(([, , text]) => text));
  });

  it('of any kind come back exactly', async () => {
    const text = fc
      .string({ unit: 'binary', maxLength: 60 })
      .filter((one) => !one.includes('\0') && one.isWellFormed());
    const record = fc.record({
      text,
      small: fc.integer(),
      large: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      exact: fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }),
      whole: fc.oneof(
        fc.bigInt({ min: -99_999n, max: 99_999n }),
        fc.bigInt({ min: 0n, max: 10n ** 38n - 1n }),
      ),
      time: fc.integer({ min: -8_000_000_000_000_000, max: 8_000_000_000_000_000 }),
      day: fc.integer({ min: -2_440_588, max: 2_145_042_905 }),
    });
    const sample = fc.sample(record, { numRuns: 2_000, seed: 20_261_120 });
    const found = await roundTrip(sample);
    expect(found).toEqual(
      sample.map((value) => ({
        flag: null,
        double: null,
        bytes: null,
        text: value.text,
        small: String(value.small),
        large: String(value.large),
        exact: decimalText(value.exact, 5),
        whole: decimalText(value.whole, 0),
        time: String(value.time),
        day: String(value.day),
      })),
    );
  });
});

describe('provisioning', () => {
  it('by five processes at once makes everything once', async () => {
    const spec = specOf({ indexes: [['text'], ['time', 'day']] });
    const connections = await Promise.all([1, 2, 3, 4, 5].map(() => open()));
    await Promise.all(connections.map((connection) => provision(connection, spec, { createTable: true })));
    const indexes = await admin.rows(
      `SELECT indexname FROM pg_indexes WHERE schemaname = $1`,
      [spec.schema],
      'test',
    );
    // Three primary keys of ours, (load, row), and the two that were asked for.
    expect(indexes).toHaveLength(6);
    await Promise.all(connections.map((connection) => connection.close()));
  });

  it('lists what an existing table lacks, and takes it once that has been carried out', async () => {
    const spec = specOf({ write: { mode: 'merge', key: ['text'], version: ['small'] } });
    await admin.query(
      `CREATE SCHEMA "${spec.schema}"; CREATE TABLE "${spec.schema}".t (text varchar(9), small text, must int NOT NULL)`,
      'test',
    );
    const connection = await open();
    const error: MillraceError = await provision(connection, spec, { createTable: true }).catch(
      (thrown) => thrown,
    );
    expect(error).toMatchObject({ kind: 'systemic', code: 'MR-PG-TABLE-DIFFERS' });
    for (const statement of error.remedy?.split('\n') ?? []) {
      await admin.query(statement, 'test');
    }
    const table = await provision(connection, spec, { createTable: true });
    expect(table.columns.get('small')?.type).toBe('integer');
    await connection.close();
  });

  it('without the right to create names the right, and needs none when everything is there', async () => {
    const spec = specOf();
    await (await sessionOf(spec)).release();
    const root = await open(DATABASE_ADMIN_URL);
    const role = `reader_${process.pid}`;
    await root.query(
      `CREATE ROLE ${role} LOGIN PASSWORD 'x'; GRANT CONNECT, TEMP ON DATABASE millrace TO ${role}`,
      'test',
    );
    try {
      const limited = new URL(DATABASE_URL);
      limited.username = role;
      limited.password = 'x';
      const connection = await open(limited.href);
      const other = specOf();
      const denied = await provision(connection, other, { createTable: true }).catch((thrown) => thrown);
      expect(denied).toMatchObject({ kind: 'systemic', code: 'MR-PG-PERMISSION' });
      await root.query(`GRANT USAGE ON SCHEMA "${spec.schema}" TO ${role}`, 'test');
      expect((await provision(connection, spec, { createTable: true })).columns.size).toBe(13);
      await connection.close();
    } finally {
      await root.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`, 'test');
      await root.close();
    }
  });
});

describe('claim', () => {
  it('ends the session of an owner that holds the lock and does not go on', async () => {
    const spec = specOf();
    const owner = await open();
    await provision(owner, spec, { createTable: true });
    const place = placeOf(spec);
    await claim(owner, place);
    // What a stopped client would leave if a transaction took more than one message.
    await owner.query(`BEGIN; UPDATE "${spec.schema}".millrace_offset SET next = 99`, 'test');
    const successor = await open();
    const claimed = await claim(successor, { ...place, patienceMs: 100 });
    expect(claimed).toMatchObject({ token: '2', next: 0 });
    await expect(owner.query('SELECT 1', 'test')).rejects.toMatchObject({ kind: 'transient' });
    await Promise.all([owner.close(), successor.close()]);
  });

  it('names a foreign session that holds the lock, and leaves it alone', async () => {
    const spec = specOf();
    const connection = await open();
    await provision(connection, spec, { createTable: true });
    const place = placeOf(spec);
    await claim(connection, place);
    await admin.query(`BEGIN; SELECT * FROM "${spec.schema}".millrace_offset FOR UPDATE`, 'test');
    const successor = await open();
    const blocked = await claim(successor, { ...place, patienceMs: 50 }).catch((thrown) => thrown);
    expect(blocked).toMatchObject({ kind: 'transient', code: 'MR-PG-CLAIM-BLOCKED' });
    expect(blocked.message).toContain('(millrace test)');
    await admin.query('ROLLBACK', 'test');
    expect((await claim(successor, place)).token).toBe('2');
    await Promise.all([connection.close(), successor.close()]);
  });
});

describe('session', () => {
  it('has its own isolation level, whatever the role or the database says', async () => {
    const url = new URL(DATABASE_URL);
    url.searchParams.set('options', '-c default_transaction_isolation=serializable');
    const session = await open(url.href);
    const sql = 'SELECT current_setting($1) AS level';
    expect(await session.rows(sql, ['transaction_isolation'], 'test')).toEqual([{ level: 'read committed' }]);
    await session.close();
  });
});

describe('statements', () => {
  it('leave a session usable after a bad batch, without a lock', async () => {
    const spec = specOf({
      write: { mode: 'merge', key: ['text'], version: [] },
      columns: [
        {
          kind: 'field',
          name: 'text',
          field: 'text',
          type: { kind: 'string' },
          optional: false,
          sqlType: 'uuid',
        },
      ],
    });
    const session = await sessionOf(spec);
    const row = (ord: number, text: string) => ({
      ord,
      loadId: '0'.repeat(16),
      row: ord + 1,
      fileTime: 0,
      value: { text },
    });
    const good = '6f9619ff-8b86-d011-b42d-00cf4fc964ff';
    await session.stage([row(0, good), row(1, 'no uuid')]);
    const step = { from: 0, to: 2, counting: 'uncounted', loads: [], ledgerThrough: 0 } as const;
    await expect(session.apply(step)).rejects.toMatchObject({ kind: 'data', code: 'MR-SINK-VALUE' });
    expect(await session.probe(5)).toMatchObject([{ ord: 1, reason: { code: 'MR-SINK-VALUE' } }]);
    // Another session meets no lock of it.
    const other = await open();
    await waitFor(() => claim(other, { ...placeOf(spec), patienceMs: 50, partition: 1 }), {
      what: 'a claim beside it',
    });
    // Two texts, one uuid: one key in the type of the column.
    await session.stage([row(0, good), row(1, good.toUpperCase())]);
    await session.apply(step);
    expect(await admin.rows(`SELECT text FROM "${spec.schema}".t`, [], 'test')).toEqual([{ text: good }]);
    await Promise.all([session.release(), other.close()]);
  });
});
