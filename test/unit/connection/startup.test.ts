import { once } from 'node:events'
import net from 'node:net'
import { afterEach, expect, it } from 'vitest'
import {
  addParameter,
  isReplication,
  readStartupRequest,
  type StartupRequest,
} from '../../../src/connection/startup.ts'
import { everySplit } from '../../support/stream-bytes.ts'
import { cancelPacket, GSSENC_REQUEST, SSL_REQUEST, startupPacket } from '../../support/wire.ts'

const sockets: net.Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

async function connection(): Promise<{ client: net.Socket; server: net.Socket }> {
  const listener = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const client = net.connect({ port: (listener.address() as net.AddressInfo).port, host: '127.0.0.1', noDelay: true })
  const [server] = (await once(listener, 'connection')) as [net.Socket]
  listener.close()
  client.resume()
  sockets.push(client, server)
  return { client, server }
}

const never = new AbortController().signal

it('reads a startup packet however it comes, and leaves what follows', async () => {
  const packet = startupPacket({ user: 'u', database: 'd' })
  for (const chunks of [...everySplit(packet)].filter((_, i) => i % 7 === 0)) {
    const { client, server } = await connection()
    const reading = readStartupRequest(server, undefined, never)
    for (const chunk of chunks) {
      client.write(chunk)
      await new Promise(setImmediate)
    }
    client.write('rest')
    const request = (await reading) as StartupRequest & { kind: 'startup' }
    expect(request.packet).toEqual(packet)
    expect([...request.parameters]).toEqual([
      ['user', 'u'],
      ['database', 'd'],
    ])
    if (request.socket.readableLength === 0) await once(request.socket, 'readable')
    expect(request.socket.read()?.toString()).toBe('rest')
  }
})

it('answers requests for encryption on the way', async () => {
  const { client, server } = await connection()
  const reading = readStartupRequest(server, undefined, never)
  for (const request of [GSSENC_REQUEST, SSL_REQUEST]) {
    client.write(request)
    expect((await once(client, 'data'))[0].toString()).toBe('N')
  }
  client.write(cancelPacket(Buffer.from('12345678')))
  expect(await reading).toMatchObject({ kind: 'cancel' })
})

it('gives up with the deadline, or when the client does', async () => {
  const deadline = new AbortController()
  const { client, server } = await connection()
  const reading = readStartupRequest(server, undefined, deadline.signal)
  client.write(Buffer.from([0, 0, 0]))
  setTimeout(() => deadline.abort(), 20)
  expect(await reading).toBeUndefined()
  const other = await connection()
  const hungUp = readStartupRequest(other.server, undefined, never)
  other.client.end(Buffer.from([0, 0, 0, 9, 1]))
  expect(await hungUp).toBeUndefined()
})

it('adds a parameter, but to no packet that the server would refuse', () => {
  const packet = startupPacket({ user: 'a', options: '' })
  const longer = startupPacket({ user: 'a', options: '', name: 'value' })
  expect(addParameter(packet, 'name', 'value')).toEqual(longer)
  expect(addParameter(startupPacket({}), 'name', 'value')).toEqual(startupPacket({ name: 'value' }))
  const withLength = (bytes: Buffer): Buffer => {
    const copy = Buffer.from(bytes)
    copy.writeInt32BE(copy.length)
    return copy
  }
  for (const malformed of [
    packet.subarray(0, -1),
    packet.subarray(0, -2),
    packet.subarray(0, 8),
    Buffer.concat([packet, Buffer.from('x\0\0')]),
    Buffer.concat([packet, Buffer.from('\0')]),
    Buffer.concat([packet.subarray(0, -1), Buffer.from('x\0\0')]),
    startupPacket({ user: 'x'.repeat(9980) }),
  ].map(withLength)) {
    expect(addParameter(malformed, 'name', 'value')).toEqual(malformed)
  }
})

it.each([
  ['true', true],
  ['database', true],
  ['1', true],
  ['off', false],
  ['of', false],
  ['o', true], // neither, as the server will say
  ['FALS', false],
  ['', false],
  [undefined, false],
])('replication=%s', (value, expected) => {
  expect(isReplication(new Map(value === undefined ? [] : [['replication', value]]))).toBe(expected)
})
