import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startProgram } from '../support/dev-process.ts'

const ROOT = join(import.meta.dirname, '../..')

it("the documentation's example of node:test passes", async () => {
  const tsx = ['--import', import.meta.resolve('tsx')]
  const env = { TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json') }
  const run = startProgram([process.execPath, ...tsx, join(ROOT, 'test/examples/orders.node.test.ts')], { env })
  expect(await run.ended).toMatchObject({ status: 0, stdout: expect.stringMatching(/^# pass 1$/m) })
}, 120_000)
