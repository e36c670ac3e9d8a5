import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { type HaltedStorage, startHaltedStorage } from '../support/halted-storage.ts'
import { azurite, servers } from '../support/servers.ts'

const ROWS = 20_000
const CSV = Array.from({ length: ROWS }, (_, i) => `${i},row number ${i}\n`).join('')

describe.each(servers)('Notices of progress, on PostgreSQL $version', server => {
  let storage: HaltedStorage
  let stack: CopyStack
  const url = (path: string): string =>
    `https://${account.name}.blob.core.windows.net/${stack.container.containerName}/${path}`
  const blobGet = (): string =>
    `SELECT * FROM azure_storage.blob_get('${account.name}', '${stack.container.containerName}', 'a.csv') AS t (a int, b text)`
  const copy = (): string => `COPY t FROM '${url('a.csv')}'`

  beforeAll(async () => {
    storage = await startHaltedStorage(azurite, 100_000)
    stack = await startCopyStack(server, {
      storageEndpoints: { defaultTemplate: storage.endpointTemplate, accounts: new Map() },
    })
    await stack.client.query('CREATE TABLE t (a int, b text)')
    await stack.put('a.csv', CSV)
    await stack.client.query(copy())
    await stack.client.query(`COPY t TO '${url('t.parquet')}'`)
  })
  afterAll(async () => {
    await stack.close()
    await storage.close()
  })

  /** What a session of its own is told while its statement waits for the storage, and which one it was. */
  const told = async (settings: string, sql: string) => {
    const client: pg.Client = await stack.connect()
    const notices: { message: string | undefined; severity: string | undefined; code: string | undefined }[] = []
    await client.query(settings)
    client.on('notice', ({ message, severity, code }) => notices.push({ message, severity, code }))
    const done = client.query(sql)
    return { notices, done }
  }

  it('come to who wants them, for COPY and for functions, while it spools too; nobody else hears anything', async () => {
    storage.halt()
    const on = 'SET blobgres.progress = on'
    const wanted = await Promise.all([
      told(on, copy()),
      told(on, `COPY t FROM '${url('t.parquet')}'`),
      told(on, blobGet()),
      told(on, `DO $$ BEGIN ${copy()}; END $$`),
    ])
    const others = await Promise.all([
      told('SET blobgres.progress = off', copy()),
      told(`${on}; SET client_min_messages = warning`, blobGet()),
      told('SELECT 1', copy()),
    ])
    await expect.poll(() => wanted.every(({ notices }) => notices.length > 0), { timeout: 15_000 }).toBe(true)
    storage.open()
    await Promise.all([...wanted, ...others].map(({ done }) => done))
    const csv = expect.stringMatching(/^azure_storage: \d+ % of 428 kB, [\d,]+ rows, \d+ (bytes|kB)\/s$/)
    const spooled = expect.stringMatching(/^azure_storage: copying the file, \d+ % of \d+ kB, \d+ (bytes|kB)\/s$/)
    const notice = { severity: 'NOTICE', code: '00000' }
    expect(wanted[0]?.notices[0]).toEqual({ ...notice, message: csv })
    expect(wanted[1]?.notices[0]).toEqual({ ...notice, message: spooled })
    expect(wanted[2]?.notices[0]).toEqual({ ...notice, message: csv })
    expect(wanted[3]?.notices[0]?.message).toMatch(/^azure_storage: \d+ % of 428 kB, /)
    expect(others.map(({ notices }) => notices)).toEqual([[], [], []])
    expect((await stack.client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  })

  it('are asked for with a Boolean', async () => {
    const client = await stack.connect()
    await client.query("SET blobgres.progress = 'often'")
    expect(await errorOf(client.query(copy()))).toMatchObject({
      code: '22023',
      message: 'parameter "blobgres.progress" requires a Boolean value',
    })
  })
})
