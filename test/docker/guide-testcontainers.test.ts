import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { docBlock } from '../support/doc-blocks.ts'
import { describeWithEngine } from '../support/docker.ts'

const run = promisify(execFile)
const ROOT = join(import.meta.dirname, '../..')

describeWithEngine('the example with Testcontainers', () => {
  it('passes its own tests', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'blobgres-guide-'))
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    const example = docBlock('docs/guides/testcontainers.md', 'ts')
    const file = join(folder, 'prices.test.mts')
    await writeFile(file, example.replace("'blobgres/testcontainers'", `'${join(ROOT, 'src/testcontainers.ts')}'`))
    const args = ['--import', import.meta.resolve('tsx'), '--test', '--test-reporter', 'tap', file]
    // node:test runs no files where it thinks that it is within another run of its own.
    const { stdout } = await run(process.execPath, args, {
      cwd: folder,
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    })
    expect(stdout).toMatch(/^# pass 2$/m)
    expect(stdout).toMatch(/^# fail 0$/m)
    await rm(folder, { recursive: true })
  })
})
