import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createCertificate } from '../support/certificate.ts'
import { Random } from '../support/random.ts'
import { servers } from '../support/servers.ts'
import { startStack, type TestStack } from '../support/stack.ts'
import { GSSENC_REQUEST, int32, SSL_REQUEST } from '../support/wire.ts'
import { loginPacket, WireClient } from '../support/wire-client.ts'

/** What PostgreSQL's authentication_timeout is by default, and the proxy's deadline for a startup packet. */
const DEADLINE_MS = 60_000
/** A TLS record that says it is a ClientHello of 512 bytes, of which three come. */
const PART_OF_A_CLIENT_HELLO = Buffer.from('16030102000100', 'hex')

describe.each(servers)('Peers that do not log in on PostgreSQL $version', server => {
  let dir: string
  let plain: TestStack
  let secure: TestStack
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'blobgres-tls-'))
    const { cert, key } = await createCertificate(dir)
    plain = await startStack(server)
    // Its deadlines are this process's.
    secure = await startStack(server, { tls: { cert: await readFile(cert), key: await readFile(key) }, workers: 1 })
  })
  afterAll(async () => {
    await plain.close()
    await secure.close()
    await rm(dir, { recursive: true })
  })
  afterEach(() => void vi.useRealTimers())

  const answer = async (url: string, bytes: Buffer): Promise<string> => {
    const client = (await WireClient.open(url)).expectRaw()
    client.send(bytes)
    client.halfClose()
    const raw = await client.readRaw(Number.POSITIVE_INFINITY)
    await client.close()
    // Where in its sources the server says it, the proxy does not tell.
    return raw.toString('latin1').replace(/E\0\0..(S.*?)(?:F[^\0]+\0L\d+\0R\w+\0)?\0$/s, 'E $1')
  }
  const same = async (bytes: Buffer): Promise<void> => {
    expect(await answer(plain.url(), bytes)).toBe(await answer(plain.database.url, bytes))
  }

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.from([0])],
    ['a length of 0', int32(0, 196608)],
    ['a length of -1', int32(-1, 196608)],
    ['a length of 7', int32(7, 196608)],
    ['a packet without an end', int32(100, 196608)],
    ['another protocol', Buffer.from('GET / HTTP/1.1\r\nHost: db\r\n\r\n')],
    ['a message instead of a startup packet', Buffer.from('Q\0\0\0\x0dSELECT 1\0')],
    ['a ClientHello where there is no TLS', PART_OF_A_CLIENT_HELLO],
    ['an unknown request code', int32(8, 80877105)],
    ['a cancel request without a key', int32(8, 80877102)],
    ['a cancel request with half a key', int32(12, 80877102, 1)],
    ['garbage with a refused request for encryption', Buffer.concat([GSSENC_REQUEST, Buffer.from('garbage')])],
  ])('get what PostgreSQL says: %s', async (_, bytes) => same(bytes))

  it('garbage with a refused request for TLS', async () => {
    const garbage = Buffer.from('garbage')
    const direct = await answer(plain.database.url, Buffer.concat([GSSENC_REQUEST, garbage]))
    const expected = direct.replace('GSSAPI encryption', 'SSL')
    expect(await answer(plain.url(), Buffer.concat([SSL_REQUEST, garbage]))).toBe(expected)
  })

  it('get what PostgreSQL says to noise', async () => {
    const random = new Random(Date.now() | 1)
    for (let i = 0; i < 40; i++) {
      const noise = Buffer.from(Array.from({ length: 8 + random.below(200) }, () => random.below(256)))
      // Half of it with a length and a version that are looked into.
      if (i % 2 === 0) int32(noise.length, 0x30000).copy(noise)
      await same(noise).catch(error => {
        throw new Error(`seed ${random.seed}: ${noise.toString('hex')}`, { cause: error })
      })
    }
  })

  it('garbage instead of a ClientHello ends the connection', async () => {
    const client = (await WireClient.open(secure.url())).expectRaw()
    client.send(SSL_REQUEST)
    await client.readRaw(1)
    client.expectRaw().send(Buffer.from('\x16garbage garbage garbage'))
    await client.readRaw(Number.POSITIVE_INFINITY)
    const direct = (await WireClient.open(secure.url())).expectRaw()
    direct.send(Buffer.from('\x16garbage garbage garbage'))
    await direct.readRaw(Number.POSITIVE_INFINITY)
    await expectAlive(secure)
  })

  it.each(['fin', 'reset'] as const)('connections that end at any byte of a TLS login (%s)', async how => {
    for (const bytes of [0, 1, 5, 7]) {
      const client = (await WireClient.open(secure.url())).expectRaw()
      client.send(SSL_REQUEST)
      await client.readRaw(1)
      client.send(PART_OF_A_CLIENT_HELLO.subarray(0, bytes))
      client.kill(how)
    }
    for (const afterTls of [false, true]) {
      const client = (await WireClient.open(secure.url())).expectRaw()
      client.send(SSL_REQUEST)
      await client.readRaw(1)
      await client.startTls()
      if (afterTls) client.send(loginPacket(secure.url()).subarray(0, 20))
      client.kill(how)
    }
    await expectAlive(secure)
  })

  const silences: readonly (readonly [string, (client: WireClient) => Promise<unknown>])[] = [
    ['nothing at all', async () => {}],
    ['a byte each second', async client => client.send(Buffer.from([0]))],
    ['half a packet', async client => client.send(loginPacket(secure.url()).subarray(0, 30))],
    ['half a ClientHello', async client => client.send(PART_OF_A_CLIENT_HELLO)],
    [
      'nothing after the request for TLS',
      async client => {
        client.send(SSL_REQUEST)
        await client.readRaw(1)
      },
    ],
    [
      'nothing after the TLS handshake',
      async client => {
        client.send(SSL_REQUEST)
        await client.readRaw(1)
        await client.startTls()
      },
    ],
  ]

  it.each(silences)('are dropped at the deadline: %s', async (name, act) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const client = (await WireClient.open(secure.url())).expectRaw()
    await act(client)
    await expectAlive(secure) // by then the connection before it has been accepted
    for (let second = 1; second < 60; second++) {
      vi.advanceTimersByTime(1000)
      if (name === 'a byte each second' && second < 8) client.send(Buffer.from([second === 3 ? 200 : 0]))
    }
    await expectAlive(secure)
    expect(client.socket.readableEnded).toBe(false)
    client.expectRaw()
    vi.advanceTimersByTime(DEADLINE_MS / 60 + 1)
    // Like PostgreSQL, without a word.
    expect(await client.readRaw(Number.POSITIVE_INFINITY)).toEqual(Buffer.alloc(0))
  })

  async function expectAlive(stack: TestStack): Promise<void> {
    const client = await WireClient.connect(stack.url())
    expect(await client.value('SELECT 1')).toBe('1')
    await client.close()
  }
})
