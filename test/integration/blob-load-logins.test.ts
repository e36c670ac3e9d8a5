import { once } from 'node:events'
import net from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LOOPBACK_NAME } from '../../src/loopback/loopback-connection.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { psql } from '../support/psql.ts'
import { Random } from '../support/random.ts'
import { servers, type TestServer } from '../support/servers.ts'
import { message, startupPacket, wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const STARTUP = startupPacket({ user: LOOPBACK_NAME, database: LOOPBACK_NAME })
const PASSWORD = 'p'.charCodeAt(0)

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

const asked = async (): Promise<WireClient> => {
  const client = await WireClient.open(url())
  client.send(STARTUP)
  expect(await client.until('R')).toEqual([expect.stringContaining('SCRAM-SHA-256')])
  return client
}

test('a wrong secret is refused, also by psql', async () => {
  const message = `password authentication failed for user "${LOOPBACK_NAME}"`
  const client = new pg.Client({ connectionString: url().replace('@', ':guess@') })
  client.on('error', () => {})
  expect(await errorOf(client.connect())).toMatchObject({ code: '28P01', message })
  const { status, stderr } = await psql({ url: url(), password: 'guess' }, 'SELECT 1')
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(`FATAL:  ${message}`) })
  await works()
})

test('who is not logged in gets nothing but the end', async () => {
  const random = new Random(11)
  const noise = Buffer.from(random.times(200, () => random.pick([0, 1, 0x51, 0x70, 0x7f, 0xff])))
  const clientFirst = Buffer.from('SCRAM-SHA-256\0\0\0\0\x08n,,n=,r=')
  for (const bytes of [
    wire.query('PING {}'),
    wire.terminate,
    noise,
    message(PASSWORD, Buffer.from('secret\0')),
    message(PASSWORD, clientFirst),
    message(PASSWORD, Buffer.from('SCRAM-SHA-256\0\0\0\0\x09n,,n=,r=x')).subarray(0, 12),
    Buffer.from([PASSWORD, 0x3f, 0xff, 0xff, 0xff]),
    Buffer.concat([message(PASSWORD, Buffer.from('x\0')), wire.query('PING {}'), message(PASSWORD, Buffer.from('y'))]),
  ]) {
    const client = await asked()
    client.send(bytes)
    client.halfClose()
    const told = await client.until('EOF')
    expect(
      told.filter(each => !/^E FATAL 28P01|^EOF$/.test(each)),
      bytes.toString('hex'),
    ).toEqual([])
  }
  await works()
})

test('200 connections that do not log in are closed, and hinder nobody meanwhile', async () => {
  const { host, port } = stack.proxy.address
  const sockets = await Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      const socket = net.connect({ host, port, allowHalfOpen: true })
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.write(i % 2 === 0 ? STARTUP : Buffer.concat([STARTUP, Buffer.from([PASSWORD, 0, 0, 0, 99])]))
      socket.resume()
      return socket
    }),
  )
  await works()
  await Promise.all(sockets.map(socket => socket.readableEnded || once(socket, 'end')))
  for (const socket of sockets) socket.destroy()
  await works()
})
