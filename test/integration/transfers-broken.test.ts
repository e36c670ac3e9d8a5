import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Transfer } from '../../src/activity/transfer.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery } from '../support/database.ts'
import { type HaltedStorage, startHaltedStorage } from '../support/halted-storage.ts'
import { type OwnServer, startOwnServer } from '../support/own-postgres.ts'
import { azurite, type PostgresServer, servers } from '../support/servers.ts'
import { wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const CSV = Array.from({ length: 20_000 }, (_, i) => `${i},row number ${i}\n`).join('')

/** Statements whose transfer is halted on its way, or waits for rows. */
function statements(stack: CopyStack): Record<string, string> {
  const place = `'${account.name}', '${stack.container.containerName}'`
  const url = (path: string): string =>
    `https://${account.name}.blob.core.windows.net/${stack.container.containerName}/${path}`
  return {
    'COPY FROM': `COPY t FROM '${url('a.csv')}'`,
    'COPY TO': `COPY slow TO '${url('out.csv')}'`,
    blob_get: `SELECT count(*) FROM azure_storage.blob_get(${place}, 'a.csv') AS t (a int, b text)`,
    blob_put: `SELECT azure_storage.blob_put(${place}, 'put.csv', q) FROM slow AS q`,
    'COPY in a function': `DO $$ BEGIN COPY t FROM '${url('a.csv')}'; END $$`,
  }
}
const NAMES = ['COPY FROM', 'COPY TO', 'blob_get', 'blob_put', 'COPY in a function']

async function startBreakable(server: PostgresServer): Promise<{ stack: CopyStack; storage: HaltedStorage }> {
  const storage = await startHaltedStorage(azurite, 100_000)
  const stack = await startCopyStack(server, {
    storageEndpoints: { defaultTemplate: storage.endpointTemplate, accounts: new Map() },
    workers: 1, // which is looked into
  })
  await stack.put('a.csv', CSV)
  await stack.client.query(`CREATE TABLE t (a int, b text);
    CREATE VIEW slow AS SELECT 1 AS a FROM generate_series(1, 100000) UNION ALL SELECT 1 FROM pg_sleep(5);
    CREATE VIEW bad AS SELECT 1 AS a FROM generate_series(1, 100000) UNION ALL SELECT 1 / (random() * 0)::int`)
  return { stack, storage }
}

const begun = async ({ proxy }: CopyStack, pid: number): Promise<Transfer> => {
  const find = (): Transfer | undefined => proxy.transfers.live.find(each => each.facts.pid === pid)
  await expect.poll(() => find()?.rows ?? find()?.bytes, { timeout: 10_000 }).toBeGreaterThan(0)
  return find() as Transfer
}
const end = (transfer: Transfer, sqlstate: string, outcome = 'failed') =>
  expect.poll(() => transfer.end, { timeout: 10_000 }).toMatchObject({ outcome, sqlstate })

describe.each(servers)('A transfer that breaks off on PostgreSQL $version', server => {
  let stack: CopyStack
  let storage: HaltedStorage
  beforeAll(async () => {
    const breakable = await startBreakable(server)
    stack = breakable.stack
    storage = breakable.storage
  })
  afterAll(async () => {
    await stack.close()
    await storage.close()
  })

  const begin = async (name: string): Promise<{ client: WireClient; transfer: Transfer }> => {
    storage.halt()
    const client = await WireClient.connect(stack.url())
    client.send(wire.query(statements(stack)[name] as string))
    return { client, transfer: await begun(stack, client.pid) }
  }

  it.each(NAMES)('has the SQLSTATE of a backend that is terminated: %s', async name => {
    const { client, transfer } = await begin(name)
    await adminQuery(server, `SELECT pg_terminate_backend(${client.pid})`)
    storage.open() // a backend that waits for a proxy on 15 notices nothing else
    expect((await client.until('EOF')).at(-2)).toMatch(/^E FATAL 57P01 /)
    await end(transfer, '57P01')
  })

  it.each(NAMES)('tells that its client went away: %s', async name => {
    const { client, transfer } = await begin(name)
    client.kill('reset')
    await end(transfer, '08006')
    storage.open()
  })

  it.each(NAMES)('tells that the server has cancelled its statement: %s', async name => {
    const { client, transfer } = await begin(name)
    await adminQuery(server, `SELECT pg_cancel_backend(${client.pid})`)
    storage.open()
    expect((await client.until('Z')).at(-2)).toMatch(/^E ERROR 57014 /)
    await end(transfer, '57014', 'cancelled')
    await client.close()
  })

  it('knows that the server did not like the rows of a function', async () => {
    storage.open()
    await stack.put('bad.csv', '1,x\n2,y\nthree,z\n')
    const last = (): Transfer => stack.proxy.transfers.finished.at(-1) as Transfer
    for (const name of ['blob_get', 'COPY in a function']) {
      const sql = statements(stack)[name] as string
      await stack.client.query(sql)
      await end(last(), undefined as never, 'done')
      expect(await errorOf(stack.client.query(sql.replace('a.csv', 'bad.csv')))).toMatchObject({ code: '22P02' })
      await end(last(), '22P02')
      const caught = sql
        .replace('a.csv', 'bad.csv')
        .replace(/^DO \$\$ BEGIN (.*?;?) END \$\$$/, '$1')
        .replace(/;$/, '')
      await stack.client.query(`DO $$ BEGIN EXECUTE $q$${caught}$q$; EXCEPTION WHEN data_exception THEN NULL; END $$`)
      await end(last(), '22P02')
    }
    const put = statements(stack).blob_put?.replace('slow', 'bad')
    expect(await errorOf(stack.client.query(put as string))).toMatchObject({ code: '22012' })
    const failed = stack.proxy.transfers.live.at(-1) ?? last()
    await end(failed, '22012')
  })
})

describe.each([15, 18] as const)('All transfers of PostgreSQL %i, when it crashes', version => {
  let server: OwnServer
  beforeAll(async () => {
    server = await startOwnServer(version)
  })
  afterAll(() => server.stop())

  it('end as broken connections do', async () => {
    const { stack, storage } = await startBreakable(server)
    try {
      storage.halt()
      const clients: pg.Client[] = []
      const transfers: Transfer[] = []
      for (const name of NAMES) {
        const client = await stack.connect()
        clients.push(client)
        const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
        client.query(statements(stack)[name] as string).catch(() => {})
        transfers.push(await begun(stack, rows[0].pid))
      }
      process.kill(transfers[0]?.facts.pid as number, 'SIGKILL')
      for (const transfer of transfers) {
        await expect.poll(() => transfer.end, { timeout: 10_000 }).toMatchObject({ outcome: 'failed' })
        expect([transfer.facts.statement, transfer.end?.sqlstate]).toEqual([transfer.facts.statement, '08006'])
      }
      storage.open()
    } finally {
      await server.restart() // done with its recovery
      await stack.close()
      await storage.close()
    }
  })
})
