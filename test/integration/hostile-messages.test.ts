import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BACKEND } from '../../src/protocol/codes.ts'
import { Random } from '../support/random.ts'
import { servers } from '../support/servers.ts'
import { startStack, type TestStack } from '../support/stack.ts'
import { int32, message, run, wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const MEBIBYTE = 1024 * 1024
const residentMiB = (): number => Math.round(process.memoryUsage().rss / MEBIBYTE)

const lie = (type: string, length: number, body = ''): Buffer =>
  Buffer.concat([Buffer.from(type), int32(length), Buffer.from(body)])

describe.each(servers)('Messages that lie on PostgreSQL $version', server => {
  let stack: TestStack
  beforeAll(async () => {
    stack = await startStack(server)
  })
  afterAll(() => stack.close())

  const answer = async (url: string, bytes: Buffer): Promise<string[]> => {
    const client = await WireClient.connect(url)
    client.send(bytes)
    client.halfClose()
    const shown = await client.until('EOF')
    await client.close()
    return shown
  }

  /** The same words as PostgreSQL's; but whether a client that has sent too much hears them at all, TCP leaves open. */
  const same = async (bytes: Buffer): Promise<void> => {
    expect(await answer(stack.url(), bytes)).toEqual(await answer(stack.database.url, bytes))
  }

  it.each(['Q', 'P', 'B', 'E', 'D', 'C', 'S', 'H', 'd', 'c', 'f', 'F', 'X', 'p', 'z', '\0'])(
    'lengths that cannot be, of a message of type %j',
    async type => {
      for (const length of [0, 3, -1, 0x40000000, 0x7fffffff]) await same(lie(type, length, 'SELECT 1\0'))
    },
  )

  it.each([
    ['a Query without an end', message('Q'.charCodeAt(0), Buffer.from('SELECT 1'))],
    ['an empty Query', message('Q'.charCodeAt(0))],
    ['an empty Parse', message('P'.charCodeAt(0))],
    ['a Parse that counts more types than it has', message('P'.charCodeAt(0), Buffer.from('\0SELECT 1\0\0\x09'))],
    ['an empty Bind', message('B'.charCodeAt(0))],
    ['a Close of nothing', message('C'.charCodeAt(0))],
    ['a Sync with a byte', lie('S', 5, 'x')],
    ['a Query with more behind its end', message('Q'.charCodeAt(0), Buffer.from("COPY t FROM 'https://a/b'\0xx\0"))],
  ])('%s', async (_, bytes) => same(Buffer.concat([bytes, wire.sync, wire.query('SELECT 2')])))

  it('noise', async () => {
    const random = new Random(Date.now() | 1)
    const types = 'QPBEDCSHdcfFXpz'
    for (let i = 0; i < 40; i++) {
      const bytes = Buffer.concat(
        Array.from({ length: 1 + random.below(4) }, () => {
          const body = Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256)))
          return message(types.charCodeAt(random.below(types.length)), body)
        }),
      )
      await same(bytes).catch(error => {
        throw new Error(`seed ${random.seed}: ${bytes.toString('hex')}`, { cause: error })
      })
    }
  })
})

describe.each(servers.slice(-1))('Clients that ask too much on PostgreSQL $version', server => {
  let stack: TestStack
  beforeAll(async () => {
    stack = await startStack(server)
  })
  afterAll(() => stack.close())

  it('100,000 pipelined statements of a client that does not read wait outside; others go on', async () => {
    const greedy = await WireClient.connect(stack.url())
    const honest = await WireClient.connect(stack.url())
    greedy.socket.pause()
    const before = residentMiB()
    const thousand = Buffer.concat(Array.from({ length: 1000 }, () => Buffer.concat([run('SELECT 1'), wire.sync])))
    for (let i = 0; i < 100; i++) greedy.send(thousand)
    for (let i = 0; i < 50; i++) {
      expect(await honest.value('SELECT 1')).toBe('1')
    }
    expect(residentMiB() - before).toBeLessThan(100)
    greedy.socket.resume()
    for (let ready = 0; ready < 100_000; ) {
      const frame = await greedy.read()
      if (frame?.code === BACKEND.readyForQuery) ready++
    }
    await greedy.close()
    await honest.close()
  })
})
