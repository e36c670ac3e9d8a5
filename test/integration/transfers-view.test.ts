import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLogger } from '../../src/log.ts'
import { startProxy } from '../../src/proxy.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { callProxyFrom, testConfig } from '../support/stack.ts'

describe.each(servers)('blobgres.transfers, on PostgreSQL $version', server => {
  let stack: CopyStack
  let role: string
  let query: string
  let own: string
  beforeAll(async () => {
    stack = await startCopyStack(server, { extras: true, workers: 1 })
    // Other tests have proxies of the same server.
    own = `FROM blobgres.transfers WHERE container = '${stack.container.containerName}'`
    query = `SELECT path, usename, direction, statement, state, rows::int, bytes::int, sqlstate ${own} ORDER BY path`
    role = await stack.createStorageUser('reader')
    await stack.client.query('CREATE TABLE t (a int)')
    await stack.put('a.csv', '1\n2\n')
    await stack.client.query(`COPY t FROM '${stack.blobUrl('a.csv')}'`)
    await errorOf(stack.client.query(`COPY t FROM '${stack.blobUrl('none.csv')}'`))
    const reader = await stack.connect(role)
    await reader.query(
      `SELECT azure_storage.blob_put('${account.name}', '${stack.container.containerName}', 'own.csv', q) FROM (SELECT 1 AS a) AS q`,
    )
  })
  afterAll(() => stack.close())

  const readers = () => ({
    ...{ path: 'own.csv', usename: role, direction: 'export', statement: 'blob_put', state: 'done', rows: 1, bytes: 2 },
    sqlstate: null,
  })

  it('shows an admin the transfers of all', async () => {
    const { rows } = await stack.client.query(query)
    const theirs = { usename: server.superuser, direction: 'import', statement: 'copy' }
    expect(rows).toEqual([
      { path: 'a.csv', ...theirs, state: 'done', rows: 2, bytes: 4, sqlstate: null },
      { path: 'none.csv', ...theirs, state: 'failed', rows: null, bytes: 0, sqlstate: '58P01' },
      readers(),
    ])
  })

  it("shows anybody else one's own", async () => {
    const reader = await stack.connect(role)
    expect((await reader.query(query)).rows).toEqual([readers()])
    const forged = `SELECT azure_storage_private.transfers_for(ROW(10, 'no')::azure_storage_private.caller)`
    expect((await errorOf(reader.query(forged))).code).toBe('42501')
  })

  it('shows what the encoding of a database lacks as question marks', async () => {
    const name = `latin1_${server.version}`
    await adminQuery(server, `DROP DATABASE IF EXISTS ${name}`)
    await adminQuery(server, `CREATE DATABASE ${name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`)
    await errorOf(stack.client.query(`COPY t FROM '${stack.blobUrl('漢.csv')}'`))
    const client = await stack.connect(undefined, { connectionString: stack.url().replace(/[^/]+$/, name) })
    try {
      await client.query('CREATE EXTENSION azure_storage')
      const { rows } = await client.query(`SELECT path ${own} ORDER BY path`)
      expect(rows.map(({ path }) => path)).toEqual(['?.csv', 'a.csv', 'none.csv', 'own.csv'])
    } finally {
      await client.end()
      await adminQuery(server, `DROP DATABASE ${name}`)
    }
  })

  it('asks all proxies, and leaves out one that is gone', async () => {
    const other = await startProxy(testConfig(server, { extras: true }), createLogger('silent'))
    try {
      await callProxyFrom(server, stack.database.name, other, stack.proxy, { address: { host: '127.0.0.1', port: 1 } })
      const { rows } = await stack.client.query(`SELECT count(*)::int ${own}`)
      expect(rows).toEqual([{ count: 4 }])
      const proxies = await stack.client.query(`SELECT DISTINCT proxy ${own}`)
      const { host, port } = stack.proxy.address
      expect(proxies.rows).toEqual([{ proxy: `${host}:${port}` }])
    } finally {
      await other.close(0)
    }
  })
})
