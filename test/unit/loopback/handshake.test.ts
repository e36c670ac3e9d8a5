import { expect, test } from 'vitest'
import { mac } from '../../../src/credentials/mac.ts'
import { Handshake } from '../../../src/loopback/handshake.ts'

const key = { encKey: Buffer.alloc(32, 1), macKey: Buffer.alloc(32, 2) }
const NONCE = 'ab'.repeat(32)
const hex = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('hex')
const hello = (fields: object = {}) =>
  `HELLO ${hex({ nonce: NONCE, pid: '7', statement: '99', address: 'here:1', server: '3', ...fields })}`
const CALL = { pid: 7, statement: '99' }

const start = () =>
  new Handshake(key, {
    isOwnAddress: address => address === 'here:1',
    isOwnServer: async startedAt => startedAt === '3',
  })
function request(verb: string, ours: string, fields: object = { call: CALL }, macKey = key.macKey): string {
  const content = JSON.stringify(fields)
  return `${verb} ${mac({ macKey }, 'blobgres/2 request', NONCE, ours, verb, content)} ${Buffer.from(content).toString('hex')}`
}

test('both sides prove themselves, and the request is read', async () => {
  const handshake = start()
  const [ours, proof] = await handshake.greet(hello())
  expect(ours).toMatch(/^[0-9a-f]{64}$/)
  expect(proof).toBe(mac(key, 'blobgres/2 peer', NONCE, ours, '7', '99', 'here:1', '3'))
  expect(handshake.accept(request('GET', ours, { call: CALL, path: 'ü' }))).toEqual({
    verb: 'GET',
    fields: { call: CALL, path: 'ü' },
  })
})

test('no nonce is given twice', async () => {
  const handshake = start()
  expect((await handshake.greet(hello()))[0]).not.toBe((await handshake.greet(hello()))[0])
})

test.each([
  ['another address', { address: 'there:1' }],
  ['an address left out before one was proved', { address: null }],
  ['no address', { address: 5 }],
  ['another server', { server: '4' }],
  ['no server', { server: undefined }],
  ['a short nonce', { nonce: 'ab' }],
  ['no nonce', { nonce: undefined }],
  ['a pid that is none', { pid: '-1' }],
  ['a statement that is none', { statement: 99 }],
])('a HELLO with %s is refused', async (_, fields) => {
  await expect(start().greet(hello(fields))).rejects.toThrow(expect.objectContaining({ name: 'ProtocolError' }))
})

test.each([
  '',
  'HELLO',
  'HELLO ',
  'HELLO 7b7',
  'HELLO zz',
  `HELLO ${hex(null)}`,
  `HELLO ${hex([])}`,
  `${hello()} `,
  `HELLO {}`,
])('so is %s', async text => {
  await expect(start().greet(text)).rejects.toThrow(expect.objectContaining({ name: 'ProtocolError' }))
})

test('an address that was proved need not be again, on the same connection', async () => {
  const handshake = start()
  await handshake.greet(hello())
  const [ours, proof] = await handshake.greet(hello({ address: null }))
  expect(proof).toBe(mac(key, 'blobgres/2 peer', NONCE, ours, '7', '99', null, '3'))
})

test("a connection is one statement's", async () => {
  const handshake = start()
  await handshake.greet(hello())
  for (const other of [{ pid: '8' }, { statement: '100' }]) {
    await expect(handshake.greet(hello(other))).rejects.toThrow('no exchange of the extension')
  }
})

test('a request is good once, and for its HELLO', async () => {
  const handshake = start()
  const [first] = await handshake.greet(hello())
  const genuine = request('GET', first)
  handshake.accept(genuine)
  expect(() => handshake.accept(genuine)).toThrow('no exchange of the extension')
  await handshake.greet(hello())
  expect(() => handshake.accept(genuine)).toThrow('without the proof')
})

test('a failed request uses its HELLO up', async () => {
  const handshake = start()
  const [ours] = await handshake.greet(hello())
  expect(() => handshake.accept('GET')).toThrow('no exchange')
  expect(() => handshake.accept(request('GET', ours))).toThrow('no exchange')
})

test.each<[string, (ours: string) => string]>([
  ['another verb', ours => request('GET', ours).replace('GET', 'LIST')],
  ['another text', ours => request('GET', ours).replace(/ [0-9a-f]+$/, ` ${hex({ call: CALL, account: 'x' })}`)],
  ['another key', ours => request('GET', ours, { call: CALL }, Buffer.alloc(32))],
  ["another backend's pid", ours => request('GET', ours, { call: { ...CALL, pid: 8 } })],
  ['another statement', ours => request('GET', ours, { call: { ...CALL, statement: '98' } })],
  ['no call', ours => request('GET', ours, {})],
  ['a proof too short', ours => request('GET', ours).replace(/ ([0-9a-f]{62})../, ' $1')],
  ['no proof', () => `GET ${hex({ call: CALL })}`],
  ['text in clear', ours => `GET ${mac(key, 'blobgres/2 request', NONCE, ours, 'GET', '{}')} {}`],
])('a request with %s is refused', async (_, write) => {
  const handshake = start()
  const [ours] = await handshake.greet(hello())
  expect(() => handshake.accept(write(ours))).toThrow(expect.objectContaining({ name: 'ProtocolError' }))
})
