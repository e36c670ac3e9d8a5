import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Test files share processes, for to start one and to import everything costs more than most files' tests. These have one
 * each: they measure or count what the process has, stand in for a part of Node, or use what is found out once in a process.
 */
const ALONE = {
  unit: [
    'bulk-heap',
    'bulk-turns',
    'credentials/managed-identity',
    'formats/parquet/engine-space',
    'formats/parquet/interrupted',
    'formats/rows/valid-text',
    'operations/copy-to',
    'storage/blob-download',
    'storage/blob-upload',
  ],
  integration: [
    'doctor-storage',
    'faults-table',
    'hostile-cancel',
    'hostile-messages',
    'managed-identity',
    'parquet-engines',
    'parquet-errors',
    'parquet-interrupted',
    'parquet-parts',
    'storage-spool',
    'storage-upload',
    'wire-flow',
  ],
}

const filesAlone = (folder: keyof typeof ALONE): string[] => ALONE[folder].map(name => `test/${folder}/${name}.test.ts`)

const integration = {
  // As the documentation's examples call it.
  resolve: { alias: { blobgres: fileURLToPath(new URL('../src/index.ts', import.meta.url)) } },
  test: {
    globalSetup: 'test/support/global-setup.ts',
    // Some tests give a fault a second or two to show; on a CI machine that is busy elsewhere it may take longer.
    // The end of the run names those that passed only then.
    retry: process.env.CI ? 1 : 0,
  },
}

export default defineConfig({
  root,
  test: {
    reporters: ['default', 'test/support/run-reporter.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 15_000, interval: 20 } },
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], exclude: filesAlone('unit'), isolate: false },
      },
      { extends: true, test: { name: 'unit-alone', include: filesAlone('unit') } },
      {
        extends: true,
        ...integration,
        test: {
          ...integration.test,
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/examples/*.vitest.test.ts'],
          exclude: filesAlone('integration'),
          isolate: false,
        },
      },
      {
        extends: true,
        ...integration,
        test: { ...integration.test, name: 'integration-alone', include: filesAlone('integration') },
      },
      {
        extends: true,
        test: {
          name: 'docker',
          include: ['test/docker/**/*.test.ts'],
          globalSetup: 'test/support/docker-setup.ts',
          // The tests stop what they start; testcontainers need not run a container of its own for that.
          env: { TESTCONTAINERS_RYUK_DISABLED: 'true' },
          testTimeout: 300_000,
          hookTimeout: 300_000,
          retry: process.env.CI ? 1 : 0,
        },
      },
    ],
  },
})
