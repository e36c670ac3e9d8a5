import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { vi } from 'vitest'
import { BACKEND } from '../../src/protocol/codes.ts'
import { frameBody } from '../../src/protocol/frame-assembler.ts'
import type { RunningProxy } from '../../src/proxy.ts'
import { adminQuery } from './database.ts'
import { giveToPostgres, type OwnServer, startOwnServer } from './own-postgres.ts'
import type { PostgresServer } from './servers.ts'
import { needTool } from './tools.ts'
import { wire } from './wire.ts'
import { WireClient } from './wire-client.ts'

const run = promisify(execFile)

/** Streams from `primary` through the proxy in front of that, which its copy was made through too. */
export async function startStandby(primary: PostgresServer, proxy: Pick<RunningProxy, 'address'>): Promise<OwnServer> {
  const dir = await mkdtemp(join(tmpdir(), 'blobgres-standby-'))
  await giveToPostgres(dir)
  const dataDir = join(dir, 'data')
  try {
    await (primary.version === 15 ? copyWithProgram(proxy, dataDir) : copyWithProtocol(proxy, dataDir))
    await run('chown', ['-R', '--reference', dir, dataDir])
    const server = await startOwnServer(primary.version, dataDir)
    await caughtUp(primary, server)
    return {
      ...server,
      async stop() {
        await server.stop()
        await rm(dir, { recursive: true })
      },
    }
  } catch (error) {
    await rm(dir, { recursive: true })
    throw error
  }
}

/** What the primary has done until now is done at the standby. */
export async function caughtUp(primary: PostgresServer, standby: PostgresServer): Promise<void> {
  const { rows } = await adminQuery(primary, 'SELECT pg_current_wal_lsn() AS lsn')
  const query = `SELECT pg_last_wal_replay_lsn() >= '${rows[0].lsn}' AS is`
  await vi.waitFor(
    async () => {
      if (!(await adminQuery(standby, query)).rows[0].is) throw new Error('the standby lags behind')
    },
    { timeout: 15_000, interval: 20 },
  )
}

async function copyWithProgram({ address: { host, port } }: Pick<RunningProxy, 'address'>, to: string): Promise<void> {
  needTool('pg_basebackup')
  const options = ['-R', '-X', 'stream', '-c', 'fast', '--no-sync']
  await run('pg_basebackup', ['-h', host, '-p', String(port), '-U', 'postgres', '-D', to, ...options])
}

/** What pg_basebackup does, which refuses a server that is newer than itself; npm's packages have none. */
async function copyWithProtocol({ address: { host, port } }: Pick<RunningProxy, 'address'>, to: string): Promise<void> {
  await mkdir(to, { mode: 0o700 })
  const tar = spawn('tar', ['-x', '-C', to], { stdio: ['pipe', 'ignore', 'inherit'] })
  const client = await WireClient.connect(`postgres://postgres@${host}:${port}/`, { replication: 'true' })
  client.send(wire.query("BASE_BACKUP (LABEL 'standby', CHECKPOINT 'fast', WAL true, MANIFEST 'no')"))
  for (;;) {
    const frame = await client.read()
    if (frame === undefined || frame.code === BACKEND.errorResponse) throw new Error(frame?.bytes.toString())
    if (frame.code === BACKEND.readyForQuery) break
    const body = frameBody(frame)
    if (frame.code !== BACKEND.copyData || body[0] !== 'd'.charCodeAt(0)) continue
    if (!tar.stdin.write(Buffer.from(body.subarray(1)))) await once(tar.stdin, 'drain')
  }
  await client.close()
  tar.stdin.end()
  await once(tar, 'close')
  await writeFile(join(to, 'standby.signal'), '')
  await appendFile(
    join(to, 'postgresql.auto.conf'),
    `primary_conninfo = 'host=${host} port=${port} user=postgres sslmode=disable'\n`,
  )
}
