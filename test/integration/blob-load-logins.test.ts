import { once } from 'node:events'
import net from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LOOPBACK_NAME } from '../../src/loopback/handshake.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { psql } from '../support/psql.ts'
import { Random } from '../support/random.ts'
import { servers, type TestServer } from '../support/servers.ts'
import { message, startupPacket, wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const STARTUP = startupPacket({ user: LOOPBACK_NAME, database: LOOPBACK_NAME })
const MEBIBYTE = 1024 * 1024

let stack: CopyStack
beforeAll(async () => {
  stack = await startCopyStack(servers[0] as TestServer)
})
afterAll(() => stack.close())

const works = async (): Promise<void> => {
  const list = `SELECT * FROM azure_storage.blob_list('${account.name}', '${stack.container.containerName}')`
  expect((await stack.client.query(list)).rows).toEqual([])
}

const url = () => stack.url(LOOPBACK_NAME).replace(stack.database.name, LOOPBACK_NAME)

const greeted = async (): Promise<WireClient> => {
  const client = await WireClient.open(url())
  client.send(STARTUP)
  expect(await client.until('Z')).toContainEqual(expect.stringMatching(/^R /))
  return client
}

test('psql gets in, and nothing there', async () => {
  const { status, stderr } = await psql({ url: url(), password: 'guess' }, 'SELECT 1')
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: expect.stringContaining('FATAL:  azure_storage: this is no exchange of the extension'),
  })
  await works()
})

test('who does not keep to the exchange gets nothing but the end', async () => {
  const random = new Random(11)
  const noise = Buffer.from(random.times(200, () => random.pick([0, 1, 0x51, 0x70, 0x7f, 0xff])))
  const hello = Buffer.from(JSON.stringify({ nonce: 'x' })).toString('hex')
  for (const bytes of [
    wire.query('PING {}'),
    wire.query('SELECT 1'),
    wire.query(''),
    wire.query(`HELLO ${hello}`),
    wire.query(`PING ${'0'.repeat(64)} 7b7d`),
    wire.query('DATA t AAAAAAAAAAAA 0123456789abcdef\nrows').subarray(0, 9),
    Buffer.concat([wire.query('HELLO 7b7d'), wire.query('HELLO 7b7d')]),
    wire.query('x'.repeat(3000)),
    wire.parse('SELECT 1'),
    wire.sync,
    wire.terminate,
    noise,
    message('p'.charCodeAt(0), Buffer.from('secret\0')),
    Buffer.from([0x51, 0x3f, 0xff, 0xff, 0xff]),
    Buffer.from([0x51, 0, 0, 0, 0]),
  ]) {
    const client = await greeted()
    client.send(bytes)
    client.halfClose()
    const told = await client.until('EOF')
    expect(
      told.filter(each => !/^E FATAL (08P01|28000|42501) |^EOF$/.test(each)),
      bytes.subarray(0, 100).toString('hex'),
    ).toEqual([])
  }
  await works()
})

test('rows need an upload that is open on the connection', async () => {
  const client = await greeted()
  client.send(wire.query('DATA t AAAAAAAAAAAA 0123456789abcdef\nrows'))
  expect(await client.until('EOF')).toContainEqual(expect.stringMatching(/^E FATAL 08P01/))
})

test('before a proof, no more than 4 MiB', async () => {
  const client = await greeted()
  client.send(wire.query('x'.repeat(2 * MEBIBYTE)))
  expect(await client.until('EOF')).toContainEqual('E FATAL 08P01 azure_storage: the message is too long')
})

test('200 connections that prove nothing are closed, and hinder nobody meanwhile', async () => {
  const { host, port } = stack.proxy.address
  const sockets = await Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      const socket = net.connect({ host, port, allowHalfOpen: true })
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.write(i % 2 === 0 ? STARTUP : Buffer.concat([STARTUP, Buffer.from([0x51, 0, 0, 0, 99])]))
      socket.resume()
      return socket
    }),
  )
  await works()
  await Promise.all(sockets.map(socket => socket.readableEnded || once(socket, 'end')))
  for (const socket of sockets) socket.destroy()
  await works()
})
