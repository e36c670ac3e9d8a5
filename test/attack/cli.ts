import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** `npm run attack -- [--minutes M] [--seed S] [--only NAME]`: the tests of attacks, for longer and with another seed. */
const { values } = parseArgs({
  options: { minutes: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' } },
})
/** Those of texts alone, behind the others: they tell how long somebody else waits. */
const ROUNDS = [['blobs', 'database', 'peer', 'role'], ['texts']]
const root = fileURLToPath(new URL('../..', import.meta.url))
const seed = values.seed ?? String(1 + Math.floor(Math.random() * 1e9))
const env = { ATTACK_SEED: seed, ATTACK_MINUTES: values.minutes ?? '10' }
console.log(`seed ${seed}`)
const OPTIONS = ['--config', 'test/vitest.config.ts', '--disableConsoleIntercept']
for (const round of values.only ? [[values.only]] : ROUNDS) {
  const files = round.map(name => `test/integration/attack-${name}`)
  const run = spawn('npx', ['vitest', 'run', ...files, ...OPTIONS], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: 'inherit',
  })
  const [code] = await once(run, 'exit')
  if (code !== 0) process.exitCode = 1
}
