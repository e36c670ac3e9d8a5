import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { freePort } from '../../src/dev/free-port.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { type FaultyStorage, startFaultyStorage } from '../support/faulty-storage.ts'
import { azurite, servers } from '../support/servers.ts'

const REFUSED = { message: 'azure_storage: internal error while connecting', code: '08001' }
const ENDLESS = Number.POSITIVE_INFINITY

describe.each(servers)('a storage that breaks, on PostgreSQL $version', server => {
  let stack: CopyStack
  let storage: FaultyStorage
  /** What happens to each connection; a test sets it. */
  let bytesUntilCut: (connection: number) => number = () => ENDLESS
  let connections = 0
  beforeAll(async () => {
    storage = await startFaultyStorage(azurite, () => bytesUntilCut(connections++))
    stack = await startCopyStack(server, {
      storageEndpoints: { defaultTemplate: storage.endpointTemplate, accounts: new Map() },
    })
    await stack.client.query(
      "CREATE TABLE t (a int, b text); CREATE TABLE rows AS SELECT i AS a, repeat('x', 100) AS b FROM generate_series(1, 100000) i",
    )
    bytesUntilCut = () => ENDLESS
    await stack.client.query(`COPY rows TO '${stack.blobUrl('rows.csv')}'`)
  })
  beforeEach(() => {
    connections = 0
  })
  afterEach(async () => {
    expect((await stack.client.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 0 }])
  })
  afterAll(async () => {
    await stack.close()
    await storage.close()
  })

  it('a download that dies in the middle: no row, and the line it came to', async () => {
    bytesUntilCut = connection => (connection === 0 ? 3_000_000 : 10)
    const error = await errorOf(stack.client.query(`COPY t FROM '${stack.blobUrl('rows.csv')}'`))
    expect(error).toMatchObject({ ...REFUSED, where: expect.stringMatching(/^COPY t, line \d+/) })
  })

  it('a download that breaks now and then goes on', async () => {
    bytesUntilCut = connection => (connection < 4 ? 2_000_000 : ENDLESS)
    const { client } = stack
    await client.query('BEGIN')
    expect((await client.query(`COPY t FROM '${stack.blobUrl('rows.csv')}'`)).rowCount).toBe(100_000)
    expect((await client.query('TABLE t EXCEPT ALL TABLE rows')).rows).toEqual([])
    await client.query('ROLLBACK')
  })

  it('an upload that dies leaves the old blob', async () => {
    await stack.put('old.csv', 'old')
    bytesUntilCut = () => 10
    for (const name of ['old.csv', 'new.csv', 'old.csv.gz'] as const) {
      expect(await errorOf(stack.client.query(`COPY rows TO '${stack.blobUrl(name)}'`))).toMatchObject(REFUSED)
    }
    expect(await stack.get('old.csv')).toBe('old')
    expect(await stack.exists('new.csv')).toBe(false)
  })

  it('nobody listens', async () => {
    const port = await freePort()
    const lonely = await startCopyStack(server, {
      storageEndpoints: { defaultTemplate: `http://127.0.0.1:${port}/{account}`, accounts: new Map() },
    })
    try {
      const url = `http://127.0.0.1:${port}/${account.name}/box/a.csv`
      await lonely.client.query('CREATE TABLE t (a int); BEGIN; SAVEPOINT s')
      const failures = [`COPY t FROM '${url}'`, `COPY t TO '${url}'`].map(async sql => {
        const session = await lonely.connect()
        return errorOf(session.query(sql))
      })
      for (const error of await Promise.all(failures)) {
        expect(error).toMatchObject({ ...REFUSED, detail: expect.stringContaining('ECONNREFUSED') })
      }
    } finally {
      await lonely.close()
    }
  })
})
