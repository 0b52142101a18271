import { inject } from 'vitest';
import { sinkContract } from '../../../libs/sink-kit/test/sink-contract.ts';
import { open, postgresHarness } from './postgres-harness.ts';

const { DATABASE_URL = '' } = inject('stack');

sinkContract('PostgreSQL', async () => postgresHarness(DATABASE_URL, await open(DATABASE_URL)));
