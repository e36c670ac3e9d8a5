import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startProgram } from '../support/dev-process.ts'

const EXAMPLES = join(import.meta.dirname, '../examples')

it("the documentation's example of node:test passes", async () => {
  const tsx = ['--import', import.meta.resolve('tsx')]
  // In the names of this run, node:test would report to it and print nothing.
  const env = { TSX_TSCONFIG_PATH: join(EXAMPLES, '../../tsconfig.json'), NODE_TEST_CONTEXT: '' }
  const run = startProgram([process.execPath, ...tsx, '--test', join(EXAMPLES, 'orders.node.test.ts')], { env })
  expect(await run.ended).toMatchObject({ status: 0, stdout: expect.stringMatching(/pass 1\b/) })
}, 120_000)
