import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { startAzurite } from '../../src/dev/azurite.ts'
import type { CertificateFiles } from '../../src/dev/certificate.ts'
import type { Child } from '../../src/dev/child.ts'
import { freePort } from '../../src/dev/free-port.ts'
import { type OsUser, postgresOsUser } from '../../src/dev/os-user.ts'
import { initCluster, startPostgres } from '../../src/dev/postgres.ts'
import { createCertificate } from './certificate.ts'
import { compileSources } from './compiled.ts'
import { giveToPostgres, postgresBinaries } from './own-postgres.ts'
import type { TestAzurite, TestServer } from './servers.ts'
import { provideTools } from './tool-list.ts'

/** A role must be a member of one of these groups to be asked for its password: names by pattern need PostgreSQL 16. */
const HBA = `
host all +scram_users 127.0.0.1/32 scram-sha-256
host all +md5_users 127.0.0.1/32 md5
host all +password_users 127.0.0.1/32 password
host all all 127.0.0.1/32 trust
host replication all 127.0.0.1/32 trust
local all all trust
`

const ACCOUNTS = ['devacct1', 'devacct2'].map(name => ({
  name,
  key: Buffer.alloc(64, `the key of ${name} `).toString('base64'),
}))

interface Shared {
  readonly servers: TestServer[]
  readonly azurite: TestAzurite
  stop(): Promise<void>
}

/** Two of vitest's projects use them, and each loads this module anew. */
const inThisRun = globalThis as { sharedServers?: Promise<Shared>; usersOfThem?: number }

/** Starts the servers that all integration tests share. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  project.provide('missingTools', provideTools())
  inThisRun.sharedServers ??= start()
  inThisRun.usersOfThem = (inThisRun.usersOfThem ?? 0) + 1
  const { servers, azurite, stop } = await inThisRun.sharedServers
  project.provide('servers', servers)
  project.provide('azurite', azurite)
  return async () => {
    inThisRun.usersOfThem = (inThisRun.usersOfThem ?? 0) - 1
    if (inThisRun.usersOfThem === 0) await stop()
  }
}

const running: Child[] = []

async function start(): Promise<Shared> {
  const dir = await mkdtemp(join(tmpdir(), 'blobgres-test-'))
  const stop = async (): Promise<void> => {
    await Promise.all(running.map(child => child.stop()))
    await rm(dir, { recursive: true, force: true })
  }
  try {
    await compileSources()
    const osUser = await postgresOsUser()
    await giveToPostgres(dir)
    const certificate = await createCertificate(dir, 'postgres')
    await giveToPostgres(certificate.key)
    const starts = [
      postgresServer(15, dir, osUser, certificate),
      postgresServer(18, dir, osUser, certificate),
      azuriteServer(dir),
    ] as const
    // Wait for all of them even when one fails, so that stop() misses none.
    await Promise.allSettled(starts)
    const [postgres15, postgres18, azurite] = await Promise.all(starts)
    return { servers: [postgres15, postgres18], azurite, stop }
  } catch (error) {
    await stop()
    console.error(`The test servers could not be started: ${(error as Error).message}`)
    process.exit(1)
  }
}

async function postgresServer(
  version: 15 | 18,
  dir: string,
  osUser: OsUser,
  certificate: CertificateFiles,
): Promise<TestServer> {
  const binaries = await postgresBinaries(version)
  const dataDir = join(dir, `postgres-${version}`)
  const options = { binaries, dataDir, osUser }
  await initCluster(options, ['--no-locale'])
  await writeFile(join(dataDir, 'pg_hba.conf'), HBA)
  const port = await freePort()
  running.push(
    await startPostgres(options, {
      port,
      unix_socket_directories: dir,
      ssl: 'on',
      ssl_cert_file: certificate.cert,
      ssl_key_file: certificate.key,
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      max_connections: 300,
      max_prepared_transactions: 10,
      wal_level: 'logical',
      timezone: 'UTC',
    }),
  )
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
  await client.connect()
  for (const group of ['scram_users', 'md5_users', 'password_users']) await client.query(`CREATE ROLE ${group}`)
  await client.end()
  return { version, host: '127.0.0.1', port, superuser: 'postgres', socketDir: dir, certificate }
}

async function azuriteServer(dir: string): Promise<TestAzurite> {
  const location = join(dir, 'azurite')
  await mkdir(location)
  const preload = fileURLToPath(new URL('azurite-without-sweeps.cjs', import.meta.url))
  const azurite = await startAzurite({ accounts: ACCOUNTS, port: 0, location, inMemory: true, preload })
  running.push(azurite)
  const { host, port, endpointTemplate } = azurite
  return { host, port, endpointTemplate, accounts: ACCOUNTS }
}
