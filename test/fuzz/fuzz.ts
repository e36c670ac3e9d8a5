import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** `npm run fuzz -- --runs N [--seed S] [--server 15|18] [--workers N]`: the test of random conversations, with other numbers. */
const { values } = parseArgs({
  options: {
    runs: { type: 'string' },
    seed: { type: 'string' },
    server: { type: 'string' },
    workers: { type: 'string' },
  },
})
const root = fileURLToPath(new URL('../..', import.meta.url))
const seed = values.seed ?? String(1 + Math.floor(Math.random() * 1e9))
const env = {
  FUZZ_SEED: seed,
  FUZZ_RUNS: values.runs ?? '1',
  ...(values.server && { FUZZ_SERVER: values.server }),
  ...(values.workers && { BLOBGRES_TEST_WORKERS: values.workers }),
}
console.log(`seed ${seed}`)
const OPTIONS = ['--config', 'test/vitest.config.ts', '--disableConsoleIntercept']
spawn('npx', ['vitest', 'run', 'test/integration/wire-fuzz.test.ts', ...OPTIONS], {
  cwd: root,
  env: { ...process.env, ...env },
  stdio: 'inherit',
}).on('exit', code => {
  process.exitCode = code ?? 1
})
