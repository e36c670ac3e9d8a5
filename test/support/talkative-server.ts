import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/dev/free-port.ts'
import { postgresOsUser } from '../../src/dev/os-user.ts'
import { initCluster, startPostgres } from '../../src/dev/postgres.ts'
import { giveToPostgres, postgresBinaries } from './own-postgres.ts'
import type { TestServer } from './servers.ts'

/** A PostgreSQL of a test's own that logs and counts all it can. */
export interface TalkativeServer extends Pick<TestServer, 'host' | 'port'> {
  readonly dataDir: string
  readonly pid: number
  /** Its log so far. */
  log(): string
  /** In an orderly way, so that everything is in its files. */
  stop(): Promise<void>
  /** Stops it, if need be, and removes its files. */
  remove(): Promise<void>
}

export async function startTalkativeServer(version: TestServer['version']): Promise<TalkativeServer> {
  const dir = await mkdtemp(join(tmpdir(), 'blobgres-talkative-'))
  const osUser = await postgresOsUser()
  await giveToPostgres(dir)
  const binaries = await postgresBinaries(version)
  const dataDir = join(dir, 'data')
  const options = { binaries, dataDir, osUser }
  await initCluster(options, ['--no-locale'])
  const port = await freePort()
  let log = ''
  const server = await startPostgres(
    options,
    {
      port,
      unix_socket_directories: dir,
      fsync: 'off',
      log_statement: 'all',
      log_error_verbosity: 'verbose',
      log_min_messages: 'debug1',
      log_min_error_statement: 'debug1',
      log_parameter_max_length: -1,
      log_parameter_max_length_on_error: -1,
      log_duration: 'on',
      shared_preload_libraries: 'pg_stat_statements,auto_explain',
      'pg_stat_statements.track': 'all',
      'auto_explain.log_min_duration': 0,
      'auto_explain.log_nested_statements': 'on',
      'auto_explain.log_verbose': 'on',
      track_functions: 'all',
    },
    chunk => {
      log += chunk
    },
  )
  return {
    host: '127.0.0.1',
    port,
    dataDir,
    pid: server.pid,
    log: () => log,
    stop: () => server.stop(),
    async remove() {
      await server.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
