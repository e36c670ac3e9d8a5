import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rename, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Config, readConfig } from '../../src/config/config.ts'
import { freePort } from '../../src/dev/free-port.ts'
import { examine } from '../../src/doctor/doctor.ts'
import { judgeVersion, packageOf } from '../../src/doctor/server-checks.ts'
import { checkTempFolder, judgeRoom } from '../../src/doctor/temp-check.ts'
import { createLogger } from '../../src/log.ts'
import { type RunningProxy, startProxy } from '../../src/proxy.ts'
import { adminQuery } from '../support/database.ts'
import { findingOf, fixOf, pasteIntoShell } from '../support/doctor.ts'
import { giveToPostgres, type OwnServer, postgresBinaries, startOwnServer } from '../support/own-postgres.ts'
import { testConfig } from '../support/stack.ts'
import { needTool } from '../support/tools.ts'

describe.each([15, 18] as const)('blobgres doctor at PostgreSQL %i', version => {
  let server: OwnServer
  let config: Config
  let proxy: RunningProxy
  beforeAll(async () => {
    server = await startOwnServer(version)
    const listen = { host: '127.0.0.1', port: await freePort() }
    config = testConfig(server, { listen })
    proxy = await startProxy(config, createLogger('silent'))
  })
  afterAll(async () => {
    await proxy.close(0)
    await server.stop()
  })

  const withBackend = (changes: object): Config => ({ ...config, backend: { ...config.backend, ...changes } })
  const atFreePort = async (): Promise<Config> => ({ ...config, listen: { host: '127.0.0.1', port: await freePort() } })
  const throughProxy = (sql: string, database = 'postgres') =>
    adminQuery({ ...server, port: proxy.address.port }, sql, database)

  it('finds nothing wrong, beside a proxy and before there is one', async () => {
    for (const each of [config, await atFreePort()]) {
      const findings = await examine(each)
      expect(findings.filter(({ result }) => result === 'failed')).toEqual([])
      const checks = [
        'backend',
        'superuser',
        'version',
        'dblink',
        'listen port',
        'loopback',
        'temporary folder',
        'accounts',
      ]
      expect(findings.map(({ check }) => check)).toEqual(checks)
      expect(findings.filter(({ result }) => result === 'untried').map(({ check }) => check)).toEqual(['accounts'])
    }
  })

  it('says that the server does not answer', async () => {
    const finding = await findingOf(withBackend({ port: await freePort() }), 'backend')
    expect(finding).toMatchObject({ result: 'failed', reason: expect.stringContaining('ECONNREFUSED') })
    expect(await findingOf(withBackend({ port: 1 }), 'loopback')).toMatchObject({ result: 'untried' })
  })

  it('says that the database is missing, and how to make it', async () => {
    needTool('psql')
    const other = withBackend({ database: "it's missing" })
    const finding = await findingOf(other, 'backend')
    expect(finding).toMatchObject({
      result: 'failed',
      reason: expect.stringContaining('"it\'s missing" does not exist'),
    })
    await pasteIntoShell(finding)
    expect(await findingOf(other, 'backend')).toMatchObject({ result: 'ok' })
  })

  it('says who is no superuser, and makes one', async () => {
    await adminQuery(server, 'CREATE ROLE "Half" LOGIN')
    const half = withBackend({ user: 'Half' })
    const finding = await findingOf(half, 'superuser')
    expect(finding).toMatchObject({ result: 'failed', reason: expect.stringContaining('permission denied') })
    expect(await findingOf(half, 'backend')).toMatchObject({ result: 'ok' })
    await adminQuery(server, fixOf(finding, 'psql'))
    expect(await findingOf(half, 'superuser')).toMatchObject({ result: 'ok' })
  })

  it('tells a version that is too old', async () => {
    expect(await findingOf(config, 'version')).toMatchObject({
      result: 'ok',
      reason: `PostgreSQL ${version}.${version === 15 ? 18 : 4}`,
    })
    expect(judgeVersion(140_020, '14.20')).toMatchObject({
      result: 'failed',
      reason: 'PostgreSQL 14.20 is older than 15',
    })
  })

  it('tells a database without an encoding, and makes one with', async () => {
    await throughProxy("CREATE DATABASE old ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    await throughProxy('CREATE EXTENSION azure_storage', 'old')
    const finding = await findingOf(config, 'encoding of old')
    expect(finding).toMatchObject({ result: 'failed', reason: expect.stringContaining('SQL_ASCII') })
    await adminQuery(server, fixOf(finding, 'psql'))
    await throughProxy('CREATE EXTENSION azure_storage', 'old_utf8')
    expect(await findingOf(config, 'encoding of old_utf8')).toMatchObject({ result: 'ok', reason: 'UTF8' })
    await adminQuery(server, 'DROP DATABASE old')
    await adminQuery(server, 'DROP DATABASE old_utf8')
  })

  it('says who has taken the port, and names a free one', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const listen = { host: '127.0.0.1', port: (other.address() as AddressInfo).port }
    try {
      const finding = await findingOf({ ...config, listen }, 'listen port')
      expect(finding).toMatchObject({ result: 'failed', reason: expect.stringContaining('EADDRINUSE') })
      const address = await pasteIntoShell(finding, 'BLOBGRES_LISTEN')
      const { listen: free } = readConfig({}, { BLOBGRES_LISTEN: address, DATABASE_URL: 'postgres://a@b/c' })
      expect(await findingOf({ ...config, listen: free }, 'listen port')).toMatchObject({ result: 'ok' })
    } finally {
      other.close()
    }
    expect(await findingOf(config, 'listen port')).toMatchObject({
      result: 'ok',
      reason: expect.stringContaining('a proxy'),
    })
  })

  it('says that it cannot listen at an address of another machine', async () => {
    const listen = { host: '192.0.2.1', port: await freePort() }
    const finding = await findingOf({ ...config, listen }, 'listen port')
    expect(finding).toMatchObject({ result: 'failed', reason: expect.stringContaining('EADDRNOTAVAIL') })
    expect(await pasteIntoShell(finding, 'BLOBGRES_LISTEN')).toBe(`127.0.0.1:${listen.port}`)
  })

  it('says that the server does not reach the proxy, and at which address it does', async () => {
    for (const each of [config, await atFreePort()]) {
      const wrong = { ...each, loopback: { host: '127.0.0.1', port: await freePort() } }
      const finding = await findingOf(wrong, 'loopback')
      expect(finding).toMatchObject({ result: 'failed', reason: expect.stringContaining('does not reach') })
      const address = await pasteIntoShell(finding, 'BLOBGRES_LOOPBACK')
      const { loopback } = readConfig({}, { BLOBGRES_LOOPBACK: address, DATABASE_URL: 'postgres://a@b/c' })
      expect(await findingOf({ ...each, ...(loopback && { loopback }) }, 'loopback')).toMatchObject({ result: 'ok' })
    }
  })

  it('leaves the server as it is', async () => {
    const facts = `SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_proc), (SELECT string_agg(setconfig::text, ' ') FROM pg_db_role_setting)`
    const before = (await adminQuery(server, facts)).rows
    await examine(await atFreePort())
    expect((await adminQuery(server, facts)).rows).toEqual(before)
  })

  it('says that the folder for temporary files is missing, and makes it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'blobgres-doctor-test-'))
    try {
      const without = { ...config, tempDir: join(folder, "it's", 'gone') }
      const finding = await findingOf(without, 'temporary folder')
      expect(finding).toMatchObject({ result: 'failed', reason: expect.stringContaining('ENOENT') })
      await pasteIntoShell(finding)
      const after = await findingOf(without, 'temporary folder')
      expect(after.reason).toContain('GB free')
    } finally {
      await rm(folder, { recursive: true })
    }
    expect(judgeRoom('/x', 2 ** 29, 0)).toMatchObject({
      result: 'failed',
      reason: expect.stringContaining('0.5 GB free'),
    })
    expect(judgeRoom('/x', 2 ** 29, 2 ** 28)).toMatchObject({ result: 'ok' })
  })
})

it('says that there is no room for temporary files, and where there is', async context => {
  const folder = await mkdtemp(join(tmpdir(), 'blobgres-doctor-test-'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { encoding: 'utf8' })
  try {
    if (mounted.status !== 0) return context.skip('needs to mount a file system')
    const finding = await checkTempFolder({ tempDir: folder } as Config)
    expect(finding).toMatchObject({ result: 'failed', reason: expect.stringContaining(`0.0 GB free in ${folder}`) })
    const tempDir = await pasteIntoShell(finding, 'BLOBGRES_TEMP_DIR')
    expect(await checkTempFolder({ tempDir } as Config)).toMatchObject({ result: 'ok' })
  } finally {
    if (mounted.status === 0) execFileSync('umount', [folder])
    await rm(folder, { recursive: true })
  }
})

it.each([15, 18] as const)('says that PostgreSQL %i lacks dblink, until it is there', async version => {
  const { postgres } = await postgresBinaries(version)
  const folder = await mkdtemp(join(tmpdir(), 'blobgres-without-'))
  await giveToPostgres(folder)
  const native = join(folder, 'native')
  await cp(dirname(dirname(postgres)), native, { recursive: true, verbatimSymlinks: true })
  const library = join(native, 'lib/postgresql/dblink.so')
  await rename(library, `${library}.gone`)
  const binaries = { postgres: join(native, 'bin', basename(postgres)), initdb: join(native, 'bin/initdb') }
  const server = await startOwnServer(version, undefined, binaries)
  try {
    const config = testConfig(server)
    const finding = await findingOf(config, 'dblink')
    expect(finding).toMatchObject({ result: 'failed', reason: expect.stringMatching(/could not access file .*dblink/) })
    expect(await findingOf(config, 'loopback')).toMatchObject({ result: 'untried', reason: 'the server lacks dblink' })
    await rename(`${library}.gone`, library)
    expect(await findingOf(config, 'dblink')).toMatchObject({ result: 'ok' })
  } finally {
    await server.stop()
    await rm(folder, { recursive: true })
  }
})

it('names the package that has dblink', () => {
  expect(packageOf('PostgreSQL 15.18 (Debian 15.18-1.pgdg12+1) on x86_64-pc-linux-gnu').fix).toMatchObject({
    into: 'shell',
    command: 'sudo apt-get install -y postgresql-15',
  })
  expect(
    packageOf('PostgreSQL 18.4 on x86_64-pc-linux-gnu, compiled by gcc (GCC) 11.5.0 (Red Hat 11.5.0-5)').fix,
  ).toMatchObject({
    command: 'sudo dnf install -y postgresql18-contrib',
  })
})
