import { expect, it } from 'vitest';
import { createTableStatements } from './ddl.ts';
import type { TableSpec } from './table-spec.ts';

const column = (name: string) =>
  ({ kind: 'field', name, field: name, type: { kind: 'string' }, optional: false, sqlType: null }) as const;

it('makes no index twice', () => {
  const spec: TableSpec = {
    schema: 's',
    table: 't',
    write: { mode: 'merge', key: ['tag', 'time'], version: [] },
    columns: [column('tag'), column('time')],
    indexes: [['tag', 'time'], ['time', 'tag'], ['time'], ['time']],
  };
  expect(createTableStatements(spec).slice(1)).toEqual([
    'CREATE UNIQUE INDEX ON "s"."t" ("tag", "time")',
    'CREATE INDEX ON "s"."t" ("time", "tag")',
    'CREATE INDEX ON "s"."t" ("time")',
  ]);
});
