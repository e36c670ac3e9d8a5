import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCertificate } from '../support/certificate.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { cancelPacket, SSL_REQUEST, wire } from '../support/wire.ts'
import { loginPacket, WireClient } from '../support/wire-client.ts'

const CANCELLED = 'E ERROR 57014 canceling statement due to user request'

describe.each(servers)('CancelRequest on PostgreSQL $version', server => {
  let stack: CopyStack
  let dir: string
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'blobgres-tls-'))
    const { cert, key } = await createCertificate(dir)
    stack = await startCopyStack(server, { tls: { cert: await readFile(cert), key: await readFile(key) } })
  })
  afterAll(async () => {
    await stack.close()
    await rm(dir, { recursive: true })
  })

  async function cancel(packet: Buffer): Promise<void> {
    const client = await WireClient.open(stack.url())
    client.send(packet)
    expect(await client.until('EOF')).toEqual(['EOF'])
  }

  it('reaches a statement, whatever comes after it', async () => {
    const client = await WireClient.connect(stack.url())
    expect(await client.value('SELECT pg_backend_pid()')).toBe(String(client.pid))
    for (const more of ['', 'xx']) {
      client.send(wire.query('SELECT pg_sleep(20)'))
      await running(client.pid)
      await cancel(Buffer.concat([cancelPacket(client.key), Buffer.from(more)]))
      expect(await client.until('Z')).toEqual(expect.arrayContaining([CANCELLED, 'Z I']))
    }
    await client.close()
  })

  it('needs the right key', async () => {
    const client = await WireClient.connect(stack.url())
    client.send(wire.query('SELECT pg_sleep(0.5)'))
    await running(client.pid)
    const wrong = Buffer.from(client.key)
    wrong[wrong.length - 1] = (wrong.at(-1) as number) ^ 1
    await cancel(cancelPacket(wrong))
    expect(await client.until('Z')).toContain('C SELECT 1.')
    await client.close()
  })

  it('knows the longer keys of protocol 3.2', async () => {
    const client = await WireClient.open(stack.url())
    client.send(loginPacket(stack.url(), {}, 0x30002))
    await client.until('Z')
    expect(client.key).toHaveLength(server.version === 18 ? 36 : 8)
    client.send(wire.query('SELECT pg_sleep(20)'))
    await running(client.pid)
    await cancel(cancelPacket(client.key))
    expect(await client.until('Z')).toContain(CANCELLED)
    await client.close()
  })

  it('comes over TLS too', async () => {
    const client = await WireClient.connect(stack.url())
    for (const direct of [false, true]) {
      client.send(wire.query('SELECT pg_sleep(20)'))
      await running(client.pid)
      const canceller = await WireClient.open(stack.url())
      if (direct) await canceller.startTls({ ALPNProtocols: ['postgresql'] })
      else {
        canceller.expectRaw().send(SSL_REQUEST)
        await canceller.readRaw(1)
        await canceller.startTls()
      }
      canceller.send(cancelPacket(client.key))
      expect(await canceller.until('EOF')).toEqual(['EOF'])
      expect(await client.until('Z')).toContain(CANCELLED)
    }
    await client.close()
  })

  it('of a statement that has just ended hits none after it but the next', async () => {
    const client = await WireClient.connect(stack.url())
    for (let i = 0; i < 50; i++) {
      client.send(wire.query('SELECT 1'))
      const cancelled = cancel(cancelPacket(client.key))
      await client.until('Z')
      await cancelled
    }
    expect(await client.value(`SELECT 'alive'`).catch(() => client.value(`SELECT 'alive'`))).toBe('alive')
    await client.close()
  })

  async function running(pid: number): Promise<void> {
    const active = `SELECT FROM pg_stat_activity WHERE pid = ${pid} AND state = 'active' AND wait_event = 'PgSleep'`
    while ((await stack.client.query(active)).rowCount === 0) await new Promise(resolve => setTimeout(resolve, 10))
  }
})
