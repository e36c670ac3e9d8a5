import { connect } from 'node:net'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { connectAdmin } from '../../src/backend/admin.ts'
import { announceAddress, loopbackAddresses } from '../../src/loopback/address.ts'
import { AUTHENTICATION } from '../../src/protocol/codes.ts'
import { authentication } from '../../src/protocol/messages.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { type Dialler, type Impostor, rows, startImpostor, welcome } from '../support/impostor.ts'
import { servers } from '../support/servers.ts'
import { callProxyFrom, startStack, testConfig } from '../support/stack.ts'

const asksFor = (request: Buffer) => async (dialler: Dialler) => {
  dialler.send(request)
  await dialler.next()
  dialler.socket.end()
}

/** Ways of somebody who listens where a proxy has died: with what is known to everybody. */
const WAYS: Readonly<Record<string, (dialler: Dialler) => Promise<void> | void>> = {
  'asks for a password in clear': asksFor(authentication(3, '')),
  'asks for one under MD5': asksFor(authentication(5, 'salt')),
  'asks for SCRAM': asksFor(authentication(AUTHENTICATION.sasl, 'SCRAM-SHA-256\0\0')),
  'takes anybody, and answers with a proof made up': async dialler => {
    dialler.send(welcome())
    await dialler.query()
    dialler.send(rows(['nonce', 'proof'], ['00'.repeat(32), '00'.repeat(32)]))
    await dialler.next()
  },
  'gives no row': async dialler => {
    dialler.send(welcome())
    await dialler.query()
    dialler.send(rows(['nonce', 'proof']))
    await dialler.next()
  },
  'hangs up': dialler => void dialler.socket.destroy(),
}

describe.each(servers)('where a proxy has died, on PostgreSQL $version', server => {
  let stack: CopyStack
  let impostor: Impostor | undefined
  let direct: pg.Client
  let list: string
  beforeAll(async () => {
    stack = await startCopyStack(server, { workers: 1 })
    await stack.put('a.txt', 'x')
    list = `SELECT path FROM azure_storage.blob_list('${account.name}', '${stack.container.containerName}')`
    direct = new pg.Client({ connectionString: stack.database.url })
    await direct.connect()
  })
  afterEach(() => impostor?.close())
  afterAll(async () => {
    await direct.end()
    await stack.close()
  })

  /** The impostor is registered before the living proxy. */
  async function standIn(behave: (dialler: Dialler) => Promise<void> | void): Promise<Impostor> {
    impostor = await startImpostor(behave)
    await callProxyFrom(server, stack.database.name, impostor, stack.proxy)
    return impostor
  }
  const secrets = async (): Promise<string[]> => {
    const { rows } = await stack.client.query(
      `SELECT encode(mac_key, 'hex') AS key, encode(sha256(mac_key || 'loopback'::bytea), 'hex') AS loopback,
         (SELECT sealed_credentials FROM azure_storage.accounts) AS sealed FROM azure_storage_private.sealing_key`,
    )
    return [...Object.values(rows[0] as Record<string, string>), account.key]
  }

  test.each(Object.keys(WAYS))('who %s hears nothing, and the living one is called', async way => {
    const { connections: none } = await standIn(WAYS[way] as (typeof WAYS)[string])
    expect(none).toBe(0)
    expect((await direct.query(list)).rows).toEqual([{ path: 'a.txt' }])
    expect(impostor?.connections).toBeGreaterThan(0)
    expect(impostor?.heard).not.toMatch(/LIST|GET|OPEN|SEAL/)
    for (const secret of await secrets()) expect(impostor?.heard).not.toContain(secret)
  })

  test('who passes all on to the living one is refused by that', async () => {
    await standIn(({ socket }) => {
      const { host, port } = stack.proxy.address
      const upstream = connect({ host, port })
      upstream.on('error', () => {})
      upstream.write(Buffer.from(impostor?.heard ?? '', 'latin1'))
      socket.pipe(upstream).pipe(socket)
    })
    expect((await direct.query(list)).rows).toEqual([{ path: 'a.txt' }])
    expect(impostor?.heard).toContain('HELLO ')
    expect(impostor?.heard).not.toContain('LIST')
  })

  test('alone, it makes an error that says so', async () => {
    const { address } = await standIn(WAYS['takes anybody, and answers with a proof made up'] as (typeof WAYS)[string])
    await callProxyFrom(server, stack.database.name, { address })
    expect(await errorOf(direct.query(list))).toMatchObject({
      code: '08001',
      message: 'azure_storage: the server cannot reach the proxy',
      detail: `It tried 127.0.0.1:${address.port}: who listens there has not proved to be a proxy of this server`,
    })
    expect((await direct.query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }])
  })

  test('who stays silent can be cancelled', async () => {
    let asked = (): void => {}
    const hello = new Promise<void>(resolve => {
      asked = resolve
    })
    const { address } = await standIn(async dialler => {
      dialler.send(welcome())
      await dialler.query()
      asked()
    })
    await callProxyFrom(server, stack.database.name, { address })
    const { pid } = (await direct.query('SELECT pg_backend_pid() AS pid')).rows[0]
    const running = errorOf(direct.query(list))
    await hello
    await stack.client.query('SELECT pg_cancel_backend($1)', [pid])
    expect(await running).toMatchObject({ code: '57014' })
  })

  test('and is passed over', async () => {
    await standIn(async dialler => dialler.send(welcome()))
    expect((await direct.query(list)).rows).toEqual([{ path: 'a.txt' }])
  })

  test('an address that is not registered is never called, whatever the session says', async () => {
    impostor = await startImpostor(() => {})
    await callProxyFrom(server, stack.database.name, stack.proxy)
    await direct.query(`SET azure_storage.proxy = '127.0.0.1:${impostor.address.port}'`)
    expect((await direct.query(list)).rows).toEqual([{ path: 'a.txt' }])
    expect(impostor.connections).toBe(0)
    await direct.query('RESET azure_storage.proxy')
  })

  test('the next proxy that starts takes the address away', async () => {
    impostor = await startImpostor(WAYS['takes anybody, and answers with a proof made up'] as (typeof WAYS)[string])
    const dead = `127.0.0.1:${impostor.address.port}`
    const admin = await connectAdmin(testConfig(server).backend)
    await announceAddress(admin, dead, 'first')
    const next = await startStack(server, { workers: 1 })
    await expect.poll(() => loopbackAddresses(admin)).not.toContain(dead)
    const { host, port } = next.proxy.address
    expect(await loopbackAddresses(admin)).toContain(`${host}:${port}`)
    await next.close()
    await admin.end()
  })
})
