import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const root = fileURLToPath(new URL('..', import.meta.url))

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
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      {
        extends: true,
        // As the documentation's examples call it.
        resolve: { alias: { blobgres: fileURLToPath(new URL('../src/index.ts', import.meta.url)) } },
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/examples/*.vitest.test.ts'],
          globalSetup: 'test/support/global-setup.ts',
          // Some tests give a fault a second or two to show; on a CI machine that is busy elsewhere it may take longer.
          // The end of the run names those that passed only then.
          retry: process.env.CI ? 1 : 0,
        },
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
