import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { adminQuery } from '../support/database.ts'
import { CLI, runCli, startDev, startProgram } from '../support/dev-process.ts'
import { type IdentityEndpoint, startIdentityEndpoint } from '../support/imds.ts'
import { psql } from '../support/psql.ts'

/** The stack's environment has no say: variables for whatever programs lead elsewhere. */
const ELSEWHERE = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }

describe('blobgres doctor and infer in the folder of a dev stack', () => {
  let folder: string
  let dev: Awaited<ReturnType<typeof startDev>>
  let postgres: { host: string; port: number }
  let proxyUrl: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'blobgres-dev-'))
    dev = await startDev(join(folder, '.blobgres'))
    const [, host = '', port] = /listens on (\S+):(\d+)/.exec(dev.banner) ?? []
    postgres = { host, port: Number(port) }
    proxyUrl = `postgres://postgres@${host}:${port}/postgres`
  })
  afterAll(async () => {
    dev.kill('SIGTERM')
    await dev.ended
    await rm(folder, { recursive: true, force: true })
  })

  const run = (args: readonly string[], env = {}) => {
    return startProgram([...CLI, ...args], { cwd: folder, env: { ...ELSEWHERE, ...env } }).ended
  }

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

  it('asks for a token where an account is registered so, and tells why there is none', async () => {
    const identity: IdentityEndpoint = await startIdentityEndpoint()
    const args = ['doctor', '--json', '--azure-credential', 'managed-identity', '--listen', '127.0.0.1:0']
    const sql =
      "SELECT azure_storage.account_add(azure_storage.account_options_managed_identity('identityacct', 'blob'))"
    const { rows } = await adminQuery(
      { ...postgres, version: 18, superuser: 'postgres' },
      'SELECT inet_server_port() AS port',
    )
    const env = { BLOBGRES_BACKEND: `postgres://postgres@127.0.0.1:${rows[0].port}/postgres`, ...identity.environment }
    const token = async (): Promise<object> => {
      const { stdout } = await run([...args, '--storage-endpoint', 'http://127.0.0.1:1/{account}'], env)
      expect(stdout).not.toContain('eyJ')
      return JSON.parse(stdout).checks.find((each: { check: string }) => each.check === 'managed identity')
    }
    try {
      await adminQuery({ ...postgres, version: 18, superuser: 'postgres' }, sql)
      expect(await token()).toMatchObject({ result: 'ok' })
      identity.mode = 'refuses'
      expect(await token()).toMatchObject({
        result: 'failed',
        reason: expect.stringMatching(/no token: .*Identity not found/),
      })
    } finally {
      await identity.close()
      await adminQuery(
        { ...postgres, version: 18, superuser: 'postgres' },
        "SELECT azure_storage.account_remove('identityacct')",
      )
    }
  })

  it('infers a table that psql makes and fills, out of a blob and out of a file', async () => {
    const url = 'https://pgquickstart.blob.core.windows.net/samples/storage_extension_sample.csv.gz'
    const blob = await run(['infer', '--full', url, '--table', 'Of blob'])
    expect(blob).toMatchObject({ status: 0, stderr: '' })
    const file = new URL('../../node_modules/vega-datasets/data/airports.csv', import.meta.url).pathname
    const local = await run(['infer', file])
    expect(local).toMatchObject({ status: 0, stderr: '' })
    const counts = 'SELECT count(*) FROM "Of blob" UNION ALL SELECT count(*) FROM airports;'
    const { stdout, stderr } = await psql(proxyUrl, `${blob.stdout}${local.stdout}${counts}`)
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
