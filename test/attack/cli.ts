import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** `npm run attack -- [--minutes M] [--seed S] [--only NAME]`: the tests of attacks, for longer and with another seed. */
const { values } = parseArgs({
  options: { minutes: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' } },
})
const root = fileURLToPath(new URL('../..', import.meta.url))
const seed = values.seed ?? String(1 + Math.floor(Math.random() * 1e9))
const env = { ATTACK_SEED: seed, ATTACK_MINUTES: values.minutes ?? '10' }
console.log(`seed ${seed}`)
const OPTIONS = ['--config', 'test/vitest.config.ts', '--disableConsoleIntercept']
spawn('npx', ['vitest', 'run', `test/integration/attack-${values.only ?? ''}`, ...OPTIONS], {
  cwd: root,
  env: { ...process.env, ...env },
  stdio: 'inherit',
}).on('exit', code => {
  process.exitCode = code ?? 1
})
