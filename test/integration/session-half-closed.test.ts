import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createCertificate } from '../support/certificate.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { startStack } from '../support/stack.ts'
import { SSL_REQUEST, wire } from '../support/wire.ts'
import { loginPacket, WireClient } from '../support/wire-client.ts'

describe.each(servers)('A client that sends no more on PostgreSQL $version', server => {
  let stack: CopyStack
  let client: WireClient
  let copyIn: string
  beforeAll(async () => {
    stack = await startCopyStack(server)
    copyIn = `COPY t FROM '${await stack.put('two.csv', '1\n2\n')}'`
  })
  afterAll(() => stack.close())
  beforeEach(async () => {
    client = await WireClient.connect(stack.url())
    await client.query('CREATE TEMP TABLE t (a int)')
  })

  it('gets its replies', async () => {
    client.send(wire.query('SELECT pg_sleep(0.1)'), wire.query('SELECT 7'))
    client.halfClose()
    expect((await client.until('EOF')).slice(-4)).toEqual(['D 7', 'C SELECT 1.', 'Z I', 'EOF'])
  })

  it('gets those of statements of ours, too', async () => {
    client.send(wire.query(`SELECT pg_sleep(0.1); ${copyIn}`), wire.query(copyIn), wire.query('SELECT count(*) FROM t'))
    client.halfClose()
    const replies = await client.until('EOF')
    expect(replies.filter(line => line === 'C COPY 2.')).toHaveLength(2)
    expect(replies.slice(-4)).toEqual(['D 4', 'C SELECT 1.', 'Z I', 'EOF'])
  })

  it('gets its replies when it has said all at once, login included', async () => {
    const each = await WireClient.open(stack.url())
    each.send(loginPacket(stack.url()), wire.query('SELECT 6'), wire.query(copyIn), wire.query('SELECT 7'))
    each.halfClose()
    const replies = await each.until('EOF')
    expect(replies).toContain('D 6')
    expect(replies.slice(-4)).toEqual(['D 7', 'C SELECT 1.', 'Z I', 'EOF'])
  })

  it('gets its replies over TLS', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'blobgres-tls-'))
    const { cert, key } = await createCertificate(dir)
    const secure = await startStack(server, { tls: { cert: await readFile(cert), key: await readFile(key) } })
    const each = (await WireClient.open(secure.url())).expectRaw()
    each.send(SSL_REQUEST)
    expect((await each.readRaw(1)).toString()).toBe('S')
    await each.startTls()
    each.send(loginPacket(secure.url()), wire.query('SELECT pg_sleep(0.1)'), wire.query('SELECT 7'))
    each.halfClose()
    expect((await each.until('EOF')).slice(-4)).toEqual(['D 7', 'C SELECT 1.', 'Z I', 'EOF'])
    await secure.close()
    await rm(dir, { recursive: true })
  })

  it('within its own COPY is told of it', async () => {
    for (const before of ['', `${copyIn}; `]) {
      const each = await WireClient.connect(stack.url())
      await each.query('CREATE TEMP TABLE t (a int)')
      each.send(wire.query(`${before}COPY t FROM STDIN`))
      await each.until('G')
      each.send(wire.copyData('1\n'))
      each.halfClose()
      expect(await each.until('EOF')).toContainEqual(expect.stringMatching(/^E ERROR 08006/))
    }
    client.send(wire.query(`${copyIn}; COPY t FROM STDIN`), wire.copyData('1\n'))
    client.halfClose()
    expect(await client.until('EOF')).toContainEqual(expect.stringMatching(/^E ERROR 08006/))
  })
})
