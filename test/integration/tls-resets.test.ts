import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createCertificate } from '../support/certificate.ts'
import { servers, type TestServer } from '../support/servers.ts'
import { startStack, type TestStack } from '../support/stack.ts'
import { cancelPacket, startupPacket, wire } from '../support/wire.ts'
import { loginPacket, WireClient } from '../support/wire-client.ts'

let dir: string
let stack: TestStack
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'blobgres-tls-'))
  const { cert, key } = await createCertificate(dir)
  const tls = { cert: await readFile(cert), key: await readFile(key) }
  stack = await startStack(servers[1] as TestServer, { tls })
})
afterAll(async () => {
  await stack.close()
  await rm(dir, { recursive: true })
})

// An error event that nobody listens to would end the process, and with it this test.
it.each([
  ['a cancel request', () => cancelPacket(Buffer.alloc(8))],
  [
    'the login of a function',
    () => startupPacket({ user: 'azure_storage_loopback', database: 'azure_storage_loopback' }),
  ],
  ['a login', () => loginPacket(stack.url())],
  ['a login and a query', () => Buffer.concat([loginPacket(stack.url()), wire.query('SELECT 1')])],
  ['half a packet', () => loginPacket(stack.url()).subarray(0, 9)],
  ['an impossible packet', () => Buffer.alloc(8)],
  ['another request for encryption', () => Buffer.from('0000000804d2162f', 'hex')],
])('a connection over TLS that is reset after %s', async (_, packet) => {
  const { hostname, port } = new URL(stack.url())
  for (let i = 0; i < 5; i++) {
    // The socket that TLS runs over cannot be reset itself.
    const upstream = net.connect({ host: hostname, port: Number(port) })
    const relay = net.createServer(socket => {
      socket.pipe(upstream).pipe(socket)
      for (const end of [socket, upstream]) end.on('error', () => {})
    })
    await once(relay.listen(0, '127.0.0.1'), 'listening')
    const client = await WireClient.open(`postgres://127.0.0.1:${(relay.address() as net.AddressInfo).port}`)
    await client.startTls({ ALPNProtocols: ['postgresql'] })
    client.send(packet())
    await new Promise(resolve => setTimeout(resolve, 2 * i))
    upstream.resetAndDestroy()
    client.kill('fin')
    relay.close()
  }
  const next = await WireClient.connect(stack.url())
  expect(await next.value('SELECT 1')).toBe('1')
  await next.close()
})
