import { inject } from 'vitest';
import { open, tableHarness } from '../../../libs/postgres/test/table-harness.ts';
import { sinkContract } from '../../../libs/sink-kit/test/sink-contract.ts';
import { postgresTarget } from '../src/adapters/postgres/postgres-target.ts';

const { DATABASE_URL = '' } = inject('stack');

sinkContract('PostgreSQL', async () =>
  tableHarness(DATABASE_URL, await open(DATABASE_URL), { target: postgresTarget }),
);
