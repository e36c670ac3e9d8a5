import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { backendConfig } from '../../src/config/backend-url.ts'
import { BACKEND } from '../../src/protocol/codes.ts'
import { servers } from '../support/servers.ts'
import { startStack, type TestStack } from '../support/stack.ts'
import { message, wire } from '../support/wire.ts'
import { loginPacket, WireClient } from '../support/wire-client.ts'

const [server] = servers as [(typeof servers)[number]]

const error = (fields: string): Buffer => message(BACKEND.errorResponse, Buffer.from(`${fields}\0`, 'latin1'))
const READY = message(BACKEND.readyForQuery, Buffer.from('I'))
const LOGGED_IN = Buffer.concat([
  message(BACKEND.authentication, Buffer.alloc(4)),
  message(BACKEND.backendKeyData, Buffer.from([0, 0, 0, 9, 1, 2, 3, 4])),
  READY,
])

/** A backend that says what it is told to say; until it is told, PostgreSQL itself. */
describe('A backend with odd words', () => {
  let stack: TestStack
  let said: { readonly first: Buffer; readonly then?: Buffer } | undefined
  const backend = createServer(socket => {
    if (said === undefined) {
      pass(socket)
      return
    }
    const { first, then } = said
    socket.on('error', () => {})
    socket.once('data', () => {
      if (then === undefined) socket.end(first)
      else socket.write(first)
      socket.on('data', () => then && socket.write(then))
    })
  })

  function pass(socket: Socket): void {
    const postgres = connect(server.port, server.host)
    socket.pipe(postgres).pipe(socket)
    for (const each of [socket, postgres]) each.on('error', () => {})
  }

  beforeAll(async () => {
    await new Promise<void>(resolve => backend.listen(0, '127.0.0.1', resolve))
    const { port } = backend.address() as AddressInfo
    const { superuser: user } = server
    const config = { host: '127.0.0.1', port, user, password: undefined, database: 'postgres' }
    stack = await startStack(server, { backend: backendConfig(config) })
  })
  afterAll(async () => {
    said = undefined
    await stack.close()
    backend.close()
  })

  it.each([
    ['SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0'],
    ['SFATAL\0VFATAL\0C53300\0Mremaining connection slots are reserved\0'],
    ['SFATAL\0Mno SQLSTATE, \xe9 of some encoding, a field nobody knows\0~?\0'],
  ])('a refusal to log in passes byte for byte', async fields => {
    said = { first: error(fields) }
    const client = (await WireClient.open(stack.url())).expectRaw()
    client.send(loginPacket(stack.url()))
    expect(await client.readRaw(1000)).toEqual(said.first)
    await client.close()
  })

  it.each([
    ['', 'nothing at all'],
    ['Mwords alone\0', 'no severity'],
    ['SFEHLER\0C\0M\xff\xfe\x80\0~?\0', 'an empty SQLSTATE'],
  ])('errors of odd fields pass byte for byte', async fields => {
    const then = Buffer.concat([
      message(BACKEND.noticeResponse, Buffer.from(`${fields}\0`, 'latin1')),
      error(fields),
      READY,
    ])
    said = { first: LOGGED_IN, then }
    const client = (await WireClient.open(stack.url())).expectRaw()
    client.send(loginPacket(stack.url()))
    expect(await client.readRaw(LOGGED_IN.length)).toEqual(LOGGED_IN)
    for (const sql of ['SELECT 1', "SELECT 'copy ://'"]) {
      client.expectRaw().send(wire.query(sql))
      expect(await client.readRaw(then.length)).toEqual(then)
    }
    client.kill('fin')
  })
})
