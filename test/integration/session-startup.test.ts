import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { backendConfig } from '../../src/config/backend-url.ts'
import { createCertificate } from '../support/certificate.ts'
import { createUser, type TestUser } from '../support/database.ts'
import { psql } from '../support/psql.ts'
import { servers } from '../support/servers.ts'
import { startStack, type TestStack } from '../support/stack.ts'
import { GSSENC_REQUEST, SSL_REQUEST, startupPacket, wire } from '../support/wire.ts'
import { loginPacket, WireClient } from '../support/wire-client.ts'

const withLength = (length: number, total = 8): Buffer => {
  const bytes = Buffer.alloc(total)
  bytes.writeInt32BE(length)
  bytes.writeInt32BE(0x30000, 4)
  return bytes
}

/** A startup packet of exactly so many bytes. */
const padded = (url: string, size: number): Buffer => {
  const short = loginPacket(url, { application_name: '' })
  return loginPacket(url, { application_name: 'x'.repeat(size - short.length) })
}

describe.each(servers)('Opening a connection on PostgreSQL $version', server => {
  let dir: string
  let plain: TestStack
  let secure: TestStack
  let scram: TestUser
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'blobgres-tls-'))
    const files = await createCertificate(dir)
    plain = await startStack(server)
    secure = await startStack(server, { tls: { cert: await readFile(files.cert), key: await readFile(files.key) } })
    scram = await createUser(server, 'scram')
  })
  afterAll(async () => {
    await plain.close()
    await secure.close()
    await scram.drop()
    await rm(dir, { recursive: true })
  })

  const answers = async (url: string, packet: Buffer, until: string): Promise<string[]> => {
    const client = await WireClient.open(url)
    client.send(packet)
    const shown = await client.until(until)
    await client.close()
    return shown
  }

  it.each([
    ['a plain login', (url: string) => loginPacket(url), 'Z'],
    ['parameters in their order', (url: string) => loginPacket(url, { options: '-c search_path=a,b' }), 'Z'],
    ['an unknown parameter', (url: string) => loginPacket(url, { nonsense: '1' }), 'EOF'],
    ['an unknown database', (url: string) => loginPacket(url, { database: 'missing' }), 'EOF'],
    ['no user', () => startupPacket({ database: 'x' }), 'EOF'],
    ['no terminator', (url: string) => unterminated(loginPacket(url)), 'EOF'],
    ['protocol 3.2', (url: string) => loginPacket(url, {}, 0x30002), 'Z'],
    ['protocol 3.9999', (url: string) => loginPacket(url, {}, 0x3270f), 'Z'],
    ['a protocol option', (url: string) => loginPacket(url, { '_pq_.foo': '1' }), 'Z'],
    ['protocol 4.0', (url: string) => loginPacket(url, {}, 0x40000), 'EOF'],
    ['the longest packet', (url: string) => padded(url, 10_004), 'Z'],
    ['a packet one too long', (url: string) => padded(url, 10_005), 'EOF'],
    ['a length of 3', () => withLength(3), 'EOF'],
    ['a length without end', () => withLength(0x50000000), 'EOF'],
  ] as const)('%s', async (_, packet, until) => {
    const direct = plain.database.url
    expect(await answers(plain.url(), packet(direct), until)).toEqual(await answers(direct, packet(direct), until))
  })

  it('replication connections pass as they are', async () => {
    const direct = plain.database.url
    const script = Buffer.concat([loginPacket(direct, { replication: 'database' }), wire.query('SELECT 1')])
    const withSync = Buffer.concat([script, wire.parse('SELECT 1'), wire.sync])
    expect(await answers(plain.url(), withSync, 'ZZZ')).toEqual(await answers(direct, withSync, 'ZZZ'))
  })

  it('encryption that is not offered is refused, and the login goes on', async () => {
    for (const requests of [
      [SSL_REQUEST],
      [GSSENC_REQUEST],
      [GSSENC_REQUEST, SSL_REQUEST],
      [SSL_REQUEST, GSSENC_REQUEST],
    ]) {
      const client = (await WireClient.open(plain.url())).expectRaw()
      for (const request of requests) {
        client.send(request)
        expect(await client.readRaw(1)).toEqual(Buffer.from('N'))
      }
      client.send(loginPacket(plain.url()))
      expect((await client.until('Z')).at(-1)).toBe('Z I')
      await client.close()
    }
  })

  it('the same request twice is an error', async () => {
    const client = (await WireClient.open(plain.url())).expectRaw()
    client.send(GSSENC_REQUEST)
    await client.readRaw(1)
    client.send(GSSENC_REQUEST)
    expect(await client.until('EOF')).toEqual([expect.stringMatching(/^E FATAL 0A000/), 'EOF'])
  })

  it('nothing may come with a request for TLS that is granted', async () => {
    const client = await WireClient.open(secure.url())
    client.send(SSL_REQUEST, loginPacket(secure.url()))
    expect(await client.until('EOF')).toEqual([expect.stringMatching(/^E FATAL 08P01 received unencrypted/), 'EOF'])
  })

  it('TLS, after GSSENCRequest or at once', async () => {
    for (const gss of [true, false]) {
      const client = (await WireClient.open(secure.url())).expectRaw()
      if (gss) {
        client.send(GSSENC_REQUEST)
        expect(await client.readRaw(1)).toEqual(Buffer.from('N'))
        client.expectRaw()
      }
      client.send(SSL_REQUEST)
      expect(await client.readRaw(1)).toEqual(Buffer.from('S'))
      await client.startTls()
      client.send(loginPacket(secure.url()))
      await client.until('Z')
      expect(await client.value('SELECT repeat($$x$$, 100000)')).toHaveLength(100_000)
      await client.close()
    }
  })

  it('direct TLS asks for the protocol by name', async () => {
    const client = await WireClient.open(secure.url())
    await client.startTls({ ALPNProtocols: ['postgresql'] })
    client.send(loginPacket(secure.url()))
    expect((await client.until('Z')).at(-1)).toBe('Z I')
    await client.close()
    const nameless = await WireClient.open(secure.url())
    await nameless.startTls().catch(() => {})
    nameless.send(loginPacket(secure.url()))
    expect((await nameless.until('EOF')).at(-1)).toBe('EOF')
  })

  it('TLS that is not offered is not spoken', async () => {
    const client = await WireClient.open(plain.url())
    await expect(client.startTls({ ALPNProtocols: ['postgresql'] })).rejects.toThrow()
  })

  it.each(['disable', 'prefer', 'require'])('psql logs in with a password, sslmode=%s', async sslmode => {
    const { name, password } = scram
    const target = { url: secure.url(name), password, env: { PGSSLMODE: sslmode } }
    expect(await psql(target, 'SELECT current_user')).toMatchObject({ stdout: `${name}\n`, stderr: '' })
    const wrong = await psql({ ...target, password: 'wrong' }, 'SELECT 1')
    expect(wrong.stderr).toContain(`FATAL:  password authentication failed for user "${name}"`)
  })

  it('a server that is down is named', async () => {
    const socketPath = join(dir, `.s.PGSQL.${server.port}`)
    const link = (): Promise<void> => symlink(join(server.socketDir, `.s.PGSQL.${server.port}`), socketPath)
    await link()
    const { host, port, superuser: user } = server
    const backend = backendConfig({ host, port, user, password: undefined, database: 'postgres', socketPath })
    const stack = await startStack(server, { backend })
    expect(await answers(stack.url(), loginPacket(stack.url()), 'Z')).toContain('Z I')
    await rm(socketPath)
    const message = `E FATAL 57P03 blobgres: could not connect to the PostgreSQL server at ${socketPath}`
    expect(await answers(stack.url(), loginPacket(stack.url()), 'EOF')).toEqual([message, 'EOF'])
    await link()
    await stack.close()
  })
})

function unterminated(packet: Buffer): Buffer {
  const cut = Buffer.from(packet.subarray(0, -1))
  cut.writeInt32BE(cut.length)
  return cut
}
