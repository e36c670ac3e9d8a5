import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inferCommand } from '../../src/infer/command.ts'
import { CLI, runCli, startDev, startProgram } from '../support/dev-process.ts'
import { psql } from '../support/psql.ts'

/** The stack's environment has no say: variables for whatever programs lead elsewhere. */
const ELSEWHERE = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }

describe('blobgres doctor and infer in the folder of a dev stack', () => {
  let folder: string
  let dev: Awaited<ReturnType<typeof startDev>>
  let proxyUrl: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'blobgres-dev-'))
    dev = await startDev(join(folder, '.blobgres'))
    const [, host = '', port] = /listens on (\S+):(\d+)/.exec(dev.banner) ?? []
    proxyUrl = `postgres://postgres@${host}:${port}/postgres`
  })
  afterAll(async () => {
    dev.kill('SIGTERM')
    await dev.ended
    await rm(folder, { recursive: true, force: true })
  })

  const run = (args: readonly string[]) => startProgram([...CLI, ...args], { cwd: folder, env: ELSEWHERE }).ended

  it('finds nothing wrong with it, one line each', async () => {
    const { status, stdout, stderr } = await run(['doctor'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .filter(line => !line.startsWith('✓ ')),
    ).toEqual([])
    expect(stdout).toMatch(/^✓ loopback: the server reaches /m)
    expect(stdout).toMatch(/^✓ account pgquickstart of app: write: it may$/m)
  })

  it('exits with 1 where something is wrong, and tells programs what', async () => {
    const { status, stdout } = await run([
      'doctor',
      '--json',
      '--backend',
      ELSEWHERE.DATABASE_URL,
      '--listen',
      '127.0.0.1:0',
    ])
    expect(status).toBe(1)
    const { ok, checks } = JSON.parse(stdout)
    expect(ok).toBe(false)
    expect(checks[0]).toMatchObject({
      check: 'backend',
      result: 'failed',
      reason: expect.stringContaining('ECONNREFUSED'),
    })
  })

  it('infers a table that psql makes and fills, out of a blob and out of a file', async () => {
    const url = 'https://pgquickstart.blob.core.windows.net/samples/storage_extension_sample.csv.gz'
    const blob = await run(['infer', '--full', url, '--table', 'Of blob'])
    expect(blob).toMatchObject({ status: 0, stderr: '' })
    const file = new URL('../../node_modules/vega-datasets/data/airports.csv', import.meta.url).pathname
    const endpoints = { defaultTemplate: undefined, accounts: new Map() }
    const local = await inferCommand(file, { endpoints, secretOf: () => undefined })
    const counts = 'SELECT count(*) FROM "Of blob" UNION ALL SELECT count(*) FROM airports;'
    const { stdout, stderr } = await psql(proxyUrl, `${blob.stdout}${local}${counts}`)
    expect({ stdout, stderr }).toEqual({ stdout: '1000\n3376\n', stderr: '' })
  })
})

it('infer says on one line what it cannot read', async () => {
  expect(await runCli(['infer', '/nowhere.csv'])).toEqual({
    status: 1,
    stdout: '',
    stderr: 'blobgres: cannot read /nowhere.csv (ENOENT)\n',
  })
})
