import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type Child, startChild } from '../../src/dev/child.ts'
import { freePort } from '../../src/dev/free-port.ts'
import { type CliProcess, startCli } from './dev-process.ts'
import { azurite, type TestServer } from './servers.ts'

export interface Replica extends CliProcess {
  readonly address: { readonly host: string; readonly port: number }
}

/** A proxy in a process of its own, which can be killed; up when the server's functions can call it. */
export async function startReplica(server: TestServer): Promise<Replica> {
  const address = { host: '127.0.0.1', port: await freePort() }
  const cli = startCli(['serve', '--listen', `${address.host}:${address.port}`], {
    BLOBGRES_BACKEND: `postgres://${server.superuser}@${server.host}:${server.port}/postgres`,
    BLOBGRES_STORAGE_ENDPOINT: azurite.endpointTemplate,
    BLOBGRES_LOG_LEVEL: 'silent',
    BLOBGRES_WORKERS: '1', // its sessions' functions are to call this address
  })
  const failed = cli.ended.then(({ stderr }) => Promise.reject(new Error(stderr)))
  failed.catch(() => {})
  while ((await proxyOf({ ...address, user: server.superuser, database: 'postgres' })) === null) {
    await Promise.race([failed, sleep(50)])
  }
  return { ...cli, address }
}

/** The address of the proxy that a new session goes through; null: none, or one that is not yet ready for functions. */
async function proxyOf(config: pg.ClientConfig): Promise<string | null> {
  const client = new pg.Client(config)
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query("SELECT current_setting('azure_storage.proxy', true) AS proxy")).rows[0].proxy
  } catch {
    return null
  } finally {
    await client.end().catch(() => {})
  }
}

export interface Balancer {
  readonly address: { readonly host: string; readonly port: number }
  close(): Promise<void>
}

/** HAProxy in tcp mode: connections go to the replicas in turn. */
export async function startBalancer(replicas: readonly Pick<Replica, 'address'>[], user: string): Promise<Balancer> {
  const dir = await mkdtemp(join(tmpdir(), 'blobgres-haproxy-'))
  const address = { host: '127.0.0.1', port: await freePort() }
  const file = join(dir, 'haproxy.cfg')
  const lines = replicas.map(
    ({ address: { host, port } }, i) => `  server s${i} ${host}:${port} check inter 200 fall 1 rise 1`,
  )
  await writeFile(
    file,
    `defaults
  mode tcp
  timeout connect 5s
  timeout check 5s
  timeout client 1h
  timeout server 1h
listen blobgres
  bind ${address.host}:${address.port}
  balance roundrobin
  option pgsql-check user ${user}
  option redispatch 1
${lines.join('\n')}
`,
  )
  let child: Child | undefined
  try {
    const started = await startChild({
      name: 'HAProxy',
      command: 'haproxy',
      args: ['-V', '-db', '-f', file],
      ready: /Using \S+ as the polling mechanism/,
      stopSignal: 'SIGTERM',
    })
    child = started.child
  } catch (error) {
    await rm(dir, { recursive: true })
    throw error
  }
  return {
    address,
    async close() {
      await child?.stop()
      await rm(dir, { recursive: true })
    },
  }
}
