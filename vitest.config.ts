import { defineConfig } from 'vitest/config';

// Workspace packages are tested from their sources: the `source` condition points each `exports` at `src/`.
// `import` and `default` hold by themselves. Named here they would hold for `require` as well, and break pg.
const resolve = { conditions: ['source', 'node'] };
const ssr = { resolve: { conditions: resolve.conditions, externalConditions: resolve.conditions } };

/**
 * Limits are for what hangs, not for what is slow: the machine may be.
 * `unit`: no I/O. `contract`: real servers. `pipeline` and `chaos`: whole services as processes.
 */
export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: 'unit',
          testTimeout: 60_000,
          include: [
            '{libs,services}/*/src/**/*.test.ts',
            'cli/src/**/*.test.ts',
            'stack/src/**/*.test.ts',
            'scripts/**/*.test.ts',
          ],
        },
      },
      {
        resolve,
        ssr,
        test: { name: 'architecture', testTimeout: 60_000, include: ['tests/architecture/**/*.test.ts'] },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'contract',
          globalSetup: ['./tests/global-setup.ts'],
          include: [
            '{libs,services}/*/test/**/*.test.ts',
            'cli/test/**/*.test.ts',
            'stack/test/**/*.test.ts',
          ],
          testTimeout: 240_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'pipeline',
          globalSetup: ['./tests/global-setup.ts'],
          include: ['tests/pipeline/**/*.test.ts', 'tests/chaos/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
