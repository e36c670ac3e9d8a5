import { afterEach, describe, expect, it } from 'vitest'
import { freePort } from '../../src/dev/free-port.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { type FaultyStorage, startFaultyStorage } from '../support/faulty-storage.ts'
import { azurite, servers } from '../support/servers.ts'

const REFUSED = { message: 'azure_storage: internal error while connecting', code: '08001' }
const ENDLESS = Number.POSITIVE_INFINITY
const ROWS = 100_000
const CSV = Array.from({ length: ROWS }, (_, i) => `${i},${'x'.repeat(100)}\n`).join('')

describe.each(servers)('a storage that breaks, on PostgreSQL $version', server => {
  let stack: CopyStack
  let storage: FaultyStorage | undefined
  afterEach(async () => {
    expect((await stack.client.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 0 }])
    await stack.close()
    await storage?.close()
    storage = undefined
  })
  const start = async (defaultTemplate: string) => {
    stack = await startCopyStack(server, { storageEndpoints: { defaultTemplate, accounts: new Map() } })
    await stack.client.query(`CREATE TABLE t (a int, b text);
      CREATE VIEW many AS SELECT i AS a, repeat('x', 100) AS b FROM generate_series(0, ${ROWS - 1}) i`)
    return (path: string) =>
      `${defaultTemplate.replace('{account}', account.name)}/${stack.container.containerName}/${path}`
  }
  const breaking = async (bytesUntilCut: (connection: number) => number) => {
    storage = await startFaultyStorage(azurite, bytesUntilCut)
    return start(storage.endpointTemplate)
  }

  it('a download that dies in the middle: no row, and the line it came to', async () => {
    const urlOf = await breaking(connection => (connection === 0 ? 3_000_000 : 10))
    await stack.put('rows.csv', CSV)
    const error = await errorOf(stack.client.query(`COPY t FROM '${urlOf('rows.csv')}'`))
    expect(error).toMatchObject({ ...REFUSED, where: expect.stringMatching(/^COPY t, line \d{3,}/) })
  })

  it('a download that breaks now and then goes on', async () => {
    const urlOf = await breaking(connection => (connection < 4 ? 2_000_000 : ENDLESS))
    await stack.put('rows.csv', CSV)
    const { client } = stack
    await client.query('BEGIN')
    expect((await client.query(`COPY t FROM '${urlOf('rows.csv')}'`)).rowCount).toBe(ROWS)
    expect((await client.query('TABLE t EXCEPT ALL TABLE many')).rows).toEqual([])
    await client.query('ROLLBACK')
    expect(storage?.connections).toBeGreaterThan(4)
  })

  it('an upload that dies leaves the old blob', async () => {
    const urlOf = await breaking(() => 10)
    await stack.put('old.csv', 'old')
    const failures = ['old.csv', 'new.csv'].map(async name => {
      const session = await stack.connect()
      return errorOf(session.query(`COPY many TO '${urlOf(name)}'`))
    })
    for (const error of await Promise.all(failures)) expect(error).toMatchObject(REFUSED)
    expect(await stack.get('old.csv')).toBe('old')
    expect(await stack.exists('new.csv')).toBe(false)
  })

  it('nobody listens', async () => {
    const urlOf = await start(`http://127.0.0.1:${await freePort()}/{account}`)
    const failures = [`COPY t FROM '${urlOf('a.csv')}'`, `COPY t TO '${urlOf('a.csv')}'`].map(async sql => {
      const session = await stack.connect()
      const error = await errorOf(session.query(sql))
      await session.query('SELECT 1')
      return error
    })
    for (const error of await Promise.all(failures)) {
      expect(error).toMatchObject({ ...REFUSED, detail: expect.stringContaining('ECONNREFUSED') })
    }
  })
})
