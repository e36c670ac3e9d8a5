import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { connectAdmin } from '../../../src/backend/admin.ts'
import { backendConfig } from '../../../src/config/backend-url.ts'
import type { BackendTls } from '../../../src/config/tls-files.ts'
import { connectBackendSecurely } from '../../../src/connection/backend.ts'
import { ensureCertificate } from '../../../src/dev/certificate.ts'

let dir: string
let own: tls.SecureContextOptions & { cert: Buffer }
let foreign: Buffer
const servers: net.Server[] = []
const sockets: net.Socket[] = []

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'blobgres-tls-'))
  const files = await ensureCertificate(dir, 'own', ['server.test', 'localhost'])
  own = { cert: await readFile(files.cert), key: await readFile(files.key) }
  foreign = await readFile((await ensureCertificate(dir, 'foreign', ['localhost'])).cert)
})
afterAll(() => rm(dir, { recursive: true }))
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) server.close()
})

/** A server that answers the first packet with `answer` and then, where `secured`, speaks TLS. */
async function fakeServer(answer: string, secured = false): Promise<{ port: number; received: Promise<Buffer> }> {
  const { promise: received, resolve } = withResolvers<Buffer>()
  const server = net.createServer(socket => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.once('data', packet => {
      resolve(packet)
      if (answer === '') socket.end()
      else socket.write(answer)
      if (!secured) return
      const session = new tls.TLSSocket(socket, { isServer: true, secureContext: tls.createSecureContext(own) })
      session.on('error', () => {})
      session.on('data', chunk => session.write(chunk)) // an echo, for who gets that far
    })
  })
  servers.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { port: (server.address() as net.AddressInfo).port, received }
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve = (_: T): void => {}
  const promise = new Promise<T>(settle => {
    resolve = settle
  })
  return { promise, resolve }
}

function backend(port: number, options: BackendTls, host = '127.0.0.1') {
  return backendConfig({ host, port, user: 'u', password: undefined, database: 'd', tls: options })
}

async function connect(port: number, options: BackendTls, host?: string): Promise<net.Socket> {
  const socket = await connectBackendSecurely(backend(port, options, host), AbortSignal.timeout(5000))
  sockets.push(socket)
  return socket
}

it('asks for TLS before anything else', async () => {
  const { port, received } = await fakeServer('S', true)
  const socket = await connect(port, { mode: 'require' })
  expect((await received).toString('hex')).toBe('0000000804d2162f')
  socket.write('hello')
  expect(String((await once(socket, 'data'))[0])).toBe('hello')
  expect(socket).toBeInstanceOf(tls.TLSSocket)
})

it.each([
  ['S', 'prefer', true],
  ['N', 'prefer', false],
] as const)('takes the answer %s with sslmode=%s', async (answer, mode, encrypted) => {
  const { port } = await fakeServer(answer, answer === 'S')
  expect((await connect(port, { mode })) instanceof tls.TLSSocket).toBe(encrypted)
})

it.each([
  ['N', 'require', 'the server does not offer TLS, and sslmode=require asks for it'],
  ['N', 'verify-full', 'the server does not offer TLS, and sslmode=verify-full asks for it'],
  // Bytes before there is TLS could be anybody's (CVE-2021-23222).
  ['SR\0\0\0\x08\0\0\0\0', 'prefer', 'the server did not answer the request for TLS with yes or no'],
  ['SE', 'require', 'the server did not answer the request for TLS with yes or no'],
  ['NR\0\0\0\x08\0\0\0\0', 'prefer', 'the server did not answer the request for TLS with yes or no'],
  ['E\0\0\0\x08fail', 'prefer', 'the server did not answer the request for TLS with yes or no'],
  ['G', 'prefer', 'the server did not answer the request for TLS with yes or no'],
  ['', 'prefer', 'the server did not answer the request for TLS with yes or no'],
] as const)('refuses the answer %j with sslmode=%s', async (answer, mode, message) => {
  const { port } = await fakeServer(answer)
  await expect(connect(port, { mode })).rejects.toThrow(message)
  await expect(connectAdmin(backend(port, { mode }))).rejects.toMatchObject({ code: '08001' })
})

it('takes no plain text after the yes for an answer', async () => {
  const { port } = await fakeServer('S')
  const connecting = connect(port, { mode: 'require' })
  await new Promise(resolve => setTimeout(resolve, 50))
  sockets[0]?.write('R\0\0\0\x08\0\0\0\0')
  await expect(connecting).rejects.toThrow(/wrong version number|packet length|record/)
})

it.each([
  ['require', 'foreign', '127.0.0.1', undefined],
  ['verify-ca', 'own', '127.0.0.1', undefined],
  ['verify-full', 'own', 'localhost', undefined],
  ['verify-ca', 'foreign', 'localhost', 'self-signed certificate'],
  ['verify-ca', 'usual', 'localhost', 'self-signed certificate'],
  ['verify-full', 'foreign', 'localhost', 'self-signed certificate'],
  ['verify-full', 'own', '127.0.0.1', "IP: 127.0.0.1 is not in the cert's list"],
] as const)('sslmode=%s, with the authority %s, at %s', async (mode, authority, host, refusal) => {
  const { port } = await fakeServer('S', true)
  const ca = authority === 'own' ? own.cert : foreign
  const options = { mode, ...(authority !== 'usual' && { ca }) }
  const connecting = connect(port, options, host)
  if (refusal === undefined) await connecting
  else {
    await expect(connecting).rejects.toThrow(refusal)
    await expect(connectAdmin(backend(port, options, host))).rejects.toMatchObject({
      detail: expect.stringContaining(refusal),
    })
  }
})

it('survives a server that goes away while nobody reads', async () => {
  const { port } = await fakeServer('S', true)
  const socket = await connect(port, { mode: 'require' })
  const closed = new Promise(resolve => socket.once('close', resolve))
  sockets[0]?.resetAndDestroy()
  socket.write('x')
  await closed
})

it('gives up with the deadline', async () => {
  const { port } = await fakeServer('S')
  const connecting = connectBackendSecurely(backend(port, { mode: 'require' }), AbortSignal.timeout(50))
  await expect(connecting).rejects.toMatchObject({ name: 'AbortError' })
})
