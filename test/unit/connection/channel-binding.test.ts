import { once } from 'node:events'
import net from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { passOfferWithoutBinding } from '../../../src/connection/channel-binding.ts'
import type { Logger } from '../../../src/log.ts'
import { authentication } from '../../../src/protocol/messages.ts'
import { message } from '../../support/wire.ts'

const sockets: net.Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

/** Two ends of a connection. */
async function connection(): Promise<{ near: net.Socket; far: net.Socket }> {
  const listener = net.createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const far = net.connect({ port: (listener.address() as net.AddressInfo).port, host: '127.0.0.1', noDelay: true })
  const [near] = (await once(listener, 'connection')) as [net.Socket]
  listener.close()
  for (const socket of [near, far]) socket.on('error', () => {})
  sockets.push(near, far)
  return { near, far }
}

const OFFER = authentication(10, 'SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0')
const OFFER_WITHOUT = authentication(10, 'SCRAM-SHA-256\0\0')
const P = 'p'.charCodeAt(0)
const reply = (first: string) => {
  const length = Buffer.alloc(4)
  length.writeInt32BE(first.length)
  return message(P, Buffer.from('SCRAM-SHA-256\0'), length, Buffer.from(first))
}

/** A login in which server and client say these things; what they heard, what came of it, and what was logged. */
async function login(fromServer: readonly Buffer[], fromClient: Buffer | 'leaves' | 'stays silent') {
  const [client, server] = await Promise.all([connection(), connection()])
  const logged: string[] = []
  const log = { info: (text: string) => logged.push(text) } as unknown as Logger
  const heard: Buffer[] = []
  client.far.on('data', chunk => heard.push(chunk))
  server.far.resume()
  for (const bytes of fromServer) server.far.write(bytes)
  if (fromClient === 'leaves') client.far.end()
  else if (fromClient !== 'stays silent') client.far.write(fromClient)
  const sides = { client: client.near, backend: server.near, log, signal: AbortSignal.timeout(300) }
  const result = await passOfferWithoutBinding(sides, Buffer.from('startup')).catch(error => error)
  client.near.end()
  if (!client.far.readableEnded) await once(client.far, 'end')
  return { heard: Buffer.concat(heard), result, logged }
}

it('takes channel binding out of the offer, and passes the reply of a client that has none', async () => {
  const first = reply('n,,n=,r=nonce')
  const { heard, result } = await login([OFFER], first)
  expect(heard).toEqual(OFFER_WITHOUT)
  expect(result).toEqual(first)
})

it.each(['y,,n=,r=nonce', 'p=tls-server-end-point,,n=,r=nonce'])('refuses the client that says %s', async first => {
  expect((await login([OFFER], reply(first))).result).toMatchObject({
    name: 'PgError',
    code: '28000',
    hint: expect.stringContaining('channel_binding=disable'),
  })
})

it('says why a client that leaves may have done so', async () => {
  const { result, logged } = await login([OFFER], 'leaves')
  expect(result).toBeUndefined()
  expect(logged).toEqual([expect.stringContaining('it may require it')])
})

it.each([
  ['no channel binding', OFFER_WITHOUT],
  ['no password', authentication(0, '')],
  ['an error', message('E'.charCodeAt(0), Buffer.from('SFATAL\0C3D000\0Mno\0\0'))],
])('passes on a server that asks for %s', async (_, bytes) => {
  const notice = message('v'.charCodeAt(0), Buffer.alloc(8))
  const { heard, result } = await login([notice, bytes], 'stays silent')
  expect(heard).toEqual(Buffer.concat([notice, bytes]))
  expect(result).toEqual(Buffer.alloc(0))
})

it.each([
  ['is not the answer to the offer', message(P, Buffer.from('no end'))],
  ['is cut short', message(P, Buffer.from('SCRAM-SHA-256\0\0\0'))],
  ['is empty', message(P)],
  ['is another message', message('Q'.charCodeAt(0), Buffer.from('y\0'))],
])('leaves it to the server to judge a reply that %s', async (_, bytes) => {
  expect((await login([OFFER], bytes)).result).toEqual(bytes)
})

it('gives up at the deadline, and at a message without end', async () => {
  expect((await login([OFFER], 'stays silent')).result).toBeUndefined()
  expect((await login([], 'stays silent')).result).toBeUndefined()
  expect((await login([Buffer.from('R\x7fxxx')], 'stays silent')).result).toBeUndefined()
})
