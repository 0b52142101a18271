import { tempDir, waitFor } from '@millrace/testkit';
import pg from 'pg';
import { expect, test } from 'vitest';
import { startStack } from '../src/index.ts';

async function ask<Row extends pg.QueryResultRow>(url: string, ...statements: string[]): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let rows: Row[] = [];
    for (const statement of statements) rows = (await client.query<Row>(statement)).rows;
    return rows;
  } finally {
    await client.end();
  }
}

test('PostgreSQL: own role without rights beyond its database, survives an immediate stop with what was committed', async () => {
  await using dir = await tempDir();
  const stack = await startStack({ dir: dir.path, parts: ['postgres'], keepData: false });
  try {
    const { postgres } = stack;
    const role = 'SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user';
    expect(await ask(postgres.url, role)).toEqual([
      { rolsuper: false, rolcreatedb: false, rolcreaterole: false },
    ]);
    expect(await ask(postgres.url, 'SHOW fsync')).toEqual([{ fsync: 'on' }]);
    await expect(ask(postgres.url.replace(/:[^:@]+@/, ':wrong@'), 'SELECT 1')).rejects.toThrow('password');

    await ask(postgres.url, 'CREATE TABLE kept (n int)', 'INSERT INTO kept VALUES (1), (2)');
    if (postgres.timescale) {
      const hypertable = `SELECT create_hypertable('readings', 'at') IS NOT NULL AS made`;
      const create = 'CREATE TABLE readings (at timestamptz NOT NULL, value float8)';
      expect(await ask(postgres.url, create, hypertable)).toEqual([{ made: true }]);
    }
    await postgres.stopImmediately();
    expect(postgres.running).toBe(false);
    await expect(ask(postgres.url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
    await postgres.start();
    await postgres.kill();
    await postgres.start();
    expect(await ask(postgres.url, 'SELECT sum(n)::int AS sum FROM kept')).toEqual([{ sum: 3 }]);
  } finally {
    await stack.stop();
  }
});

test('the registry keeps schemas over a kill and refuses an incompatible one', async () => {
  await using dir = await tempDir();
  const stack = await startStack({ dir: dir.path, parts: ['registry'], keepData: false });
  const register = (...fields: object[]) =>
    fetch(`${stack.registry.url}/subjects/readings-value/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ schema: JSON.stringify({ type: 'record', name: 'Reading', fields }) }),
    });
  try {
    expect((await register({ name: 'tag', type: 'string' })).status).toBe(200);
    const incompatible = await register({ name: 'tag', type: 'string' }, { name: 'unit', type: 'string' });
    expect(incompatible.status).toBe(409);
    await stack.registry.kill();
    await stack.registry.start();
    const kept = await waitFor(() => fetch(`${stack.registry.url}/subjects`).then((r) => r.json()), {
      what: 'subjects',
    });
    expect(kept).toEqual(['readings-value']);
  } finally {
    await stack.stop();
  }
});
