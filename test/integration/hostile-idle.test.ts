import { execFileSync } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import net from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { readVitals } from '../soak/vitals.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { type CliProcess, startCli } from '../support/dev-process.ts'
import { azurite, servers } from '../support/servers.ts'
import { loginPacket, WireClient } from '../support/wire-client.ts'

/** Both ends of a connection would not fit into one process. */
const MOST = Math.min(10_000, Math.floor(Number(execFileSync('sh', ['-c', 'ulimit -Hn'])) * 0.9) || 10_000)
const FEW_DESCRIPTORS = 100

/** The proxy is a process of its own: its descriptors and its memory are counted. */
describe.each(servers.slice(-1))('Sockets that do nothing on PostgreSQL $version', server => {
  let database: TestDatabase
  let proxy: CliProcess
  let url: string
  let sockets: net.Socket[] = []
  beforeAll(async () => {
    database = await createDatabase(server)
  })
  afterAll(() => database.drop())
  afterEach(async () => {
    proxy.kill('SIGTERM')
    await proxy.ended
  })

  const start = async (descriptors?: number): Promise<void> => {
    const backend = `postgres://${server.superuser}@${server.host}:${server.port}/postgres`
    const args = [
      'serve',
      '--backend',
      backend,
      '--listen',
      '127.0.0.1:0',
      '--storage-endpoint',
      azurite.endpointTemplate,
    ]
    proxy = startCli(args, { BLOBGRES_LOG_LEVEL: 'debug', BLOBGRES_WORKERS: '1' }, descriptors)
    const [, port] = /"port":(\d+)[^\n]*"listening"/.exec(await proxy.logged(/"listening"/)) as RegExpExecArray
    url = `postgres://${server.superuser}@127.0.0.1:${port}/${database.name}`
    await proxy.logged(/"looked after the loopback addresses"/) // then it has no connection of its own
  }

  async function openIdle(count: number): Promise<void> {
    const { port } = new URL(url)
    const open = (): Promise<void> =>
      new Promise((resolve, reject) => {
        const socket = net.connect({ host: '127.0.0.1', port: Number(port) }, resolve)
        socket.on('error', reject)
        sockets.push(socket)
      })
    while (sockets.length < count)
      await Promise.all(Array.from({ length: Math.min(100, count - sockets.length) }, open))
  }

  function closeIdle(): void {
    for (const [i, socket] of sockets.entries()) i % 2 === 0 ? socket.destroy() : socket.resetAndDestroy()
    sockets = []
  }

  const descriptors = async (): Promise<number> => (await readVitals([proxy.pid])).descriptors

  /** Descriptors that the proxy may still open: what it was started with may be above the limit. */
  const room = async (): Promise<number> =>
    FEW_DESCRIPTORS - (await readdir(`/proc/${proxy.pid}/fd`)).filter(fd => Number(fd) < FEW_DESCRIPTORS).length

  it(`${MOST} of them take little memory and nobody's turn, and leave nothing behind`, async () => {
    await start()
    const honest = await WireClient.connect(url)
    const before = await readVitals([proxy.pid])
    await openIdle(MOST)
    await expect.poll(descriptors, { timeout: 10_000 }).toBe(before.descriptors + MOST)
    const during = await readVitals([proxy.pid])
    expect((during.rssMiB - before.rssMiB) / MOST).toBeLessThan(0.02)
    for (let i = 0; i < 20; i++) expect(await honest.value('SELECT 1')).toBe('1')
    await (await WireClient.connect(url)).close()
    closeIdle()
    await expect.poll(descriptors, { timeout: 10_000 }).toBe(before.descriptors)
    await honest.close()
  })

  it('more of them than there are descriptors: sessions go on, and new ones come when there is room again', async () => {
    await start(FEW_DESCRIPTORS)
    const honest = await WireClient.connect(url)
    const before = await descriptors()
    await openIdle((await room()) - 1)
    await expect.poll(room).toBe(1)
    // One descriptor is left: the client's takes it, and there is none for the server's.
    const refused = await WireClient.open(url)
    refused.send(loginPacket(url))
    expect(await refused.until('EOF')).toEqual([expect.stringMatching(/^E FATAL 57P03/), 'EOF'])
    await openIdle(2 * FEW_DESCRIPTORS)
    expect(await honest.value('SELECT 1')).toBe('1')
    closeIdle()
    await expect.poll(descriptors).toBe(before)
    const next = await WireClient.connect(url)
    expect(await next.value('SELECT 2')).toBe('2')
    await next.close()
    await honest.close()
  })
})
